// SPDX-License-Identifier: Apache-2.0
// What becomes of a proposal: stabilisation over time, the speed that policies allow, minimum and maximum. Pure.
// Source: k8s.io/kubernetes/pkg/controller/podautoscaler/horizontal.go (v1.34)
import type { HPAScalingRules } from "@serval/api";

export interface Recommendation {
  readonly replicas: number;
  readonly atMs: number;
}

/** A change that was made; `change` is positive in both directions. */
export interface ScaleEvent {
  readonly change: number;
  readonly atMs: number;
}

export interface Limited {
  readonly replicas: number;
  readonly reason: string;
  readonly message: string;
}

export interface Bounds {
  readonly currentReplicas: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
}

/** --horizontal-pod-autoscaler-downscale-stabilization */
export const defaultDownscaleWindowSeconds = 300;

const within = {
  reason: "DesiredWithinRange",
  message: "the desired count is within the acceptable range",
} as const;
const tooMany = {
  reason: "TooManyReplicas",
  message: "the desired replica count is more than the maximum replica count",
} as const;
const tooFew = {
  reason: "TooFewReplicas",
  message: "the desired replica count is less than the minimum replica count",
} as const;
const tooFast = {
  reason: "ScaleUpLimit",
  message: "the desired replica count is increasing faster than the maximum scale rate",
} as const;
const tooFastDown = {
  reason: "ScaleDownLimit",
  message: "the desired replica count is decreasing faster than the maximum scale rate",
} as const;

const replicasSince = (recommendations: readonly Recommendation[], fromMs: number): number[] =>
  recommendations.filter(({ atMs }) => atMs > fromMs).map(({ replicas }) => replicas);

/** Without `behavior`: the highest recommendation of the window. */
export function stabilizePlain(
  desired: number,
  { recommendations, nowMs }: { recommendations: readonly Recommendation[]; nowMs: number },
): number {
  return Math.max(desired, ...replicasSince(recommendations, nowMs - defaultDownscaleWindowSeconds * 1_000));
}

/** With `behavior`: between the lowest of the window upwards and the highest of the window downwards. */
export function stabilize(
  { current, desired }: { current: number; desired: number },
  history: { recommendations: readonly Recommendation[]; nowMs: number },
  windows: { upSeconds: number; downSeconds: number },
): Limited {
  const { recommendations, nowMs } = history;
  const up = Math.min(desired, ...replicasSince(recommendations, nowMs - windows.upSeconds * 1_000));
  const down = Math.max(desired, ...replicasSince(recommendations, nowMs - windows.downSeconds * 1_000));
  const replicas = Math.min(Math.max(current, up), down);
  return desired >= current
    ? {
        replicas,
        reason: "ScaleUpStabilized",
        message: "recent recommendations were lower than current one, applying the lowest recent recommendation",
      }
    : {
        replicas,
        reason: "ScaleDownStabilized",
        message: "recent recommendations were higher than current one, applying the highest recent recommendation",
      };
}

/** Without `behavior`: at most double (or four) at a time. */
export function limitPlain(desired: number, { currentReplicas, minReplicas, maxReplicas }: Bounds): Limited {
  const fastest = Math.max(2 * currentReplicas, 4);
  const ceiling = Math.min(maxReplicas, fastest);
  if (desired < minReplicas) return { replicas: minReplicas, ...tooFew };
  if (desired > ceiling) return { replicas: ceiling, ...(maxReplicas > fastest ? tooFast : tooMany) };
  return { replicas: desired, ...within };
}

export interface ScaleEvents {
  readonly up: readonly ScaleEvent[];
  readonly down: readonly ScaleEvent[];
  readonly nowMs: number;
}

const changedWithin = (events: readonly ScaleEvent[], fromMs: number): number =>
  events.filter(({ atMs }) => atMs > fromMs).reduce((sum, { change }) => sum + change, 0);

/** The farthest that the policies of one direction let the workload go now. */
function reach(
  direction: "up" | "down",
  { current, rules }: { current: number; rules: HPAScalingRules },
  events: ScaleEvents,
): number {
  if (rules.selectPolicy === "Disabled") return current;
  const ends = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const from = events.nowMs - periodSeconds * 1_000;
    const start = current - changedWithin(events.up, from) + changedWithin(events.down, from);
    if (direction === "up") return type === "Pods" ? start + value : Math.ceil(start * (1 + value / 100));
    return type === "Pods" ? start - value : Math.trunc(start * (1 - value / 100));
  });
  if (ends.length === 0) return current;
  const wantsMost = rules.selectPolicy !== "Min";
  return wantsMost === (direction === "up") ? Math.max(...ends) : Math.min(...ends);
}

/** With `behavior`: as fast as the policies allow. */
export function limitByPolicies(
  desired: number,
  { currentReplicas: current, minReplicas, maxReplicas }: Bounds,
  { scaleUp, scaleDown, events }: { scaleUp: HPAScalingRules; scaleDown: HPAScalingRules; events: ScaleEvents },
): Limited {
  if (desired > current) {
    const fastest = Math.max(current, reach("up", { current, rules: scaleUp }, events));
    const ceiling = Math.min(maxReplicas, fastest);
    if (desired > ceiling) return { replicas: ceiling, ...(maxReplicas > fastest ? tooFast : tooMany) };
  } else if (desired < current) {
    const fastest = Math.min(current, reach("down", { current, rules: scaleDown }, events));
    const floor = Math.max(minReplicas, fastest);
    if (desired < floor) return { replicas: floor, ...(minReplicas < fastest ? tooFastDown : tooFew) };
  }
  return { replicas: desired, ...within };
}
