// SPDX-License-Identifier: Apache-2.0
// One look at one HorizontalPodAutoscaler: how many replicas, what the status says, which events. Pure: time, pods and
// usages come in, the memory of earlier looks comes in and goes out.
// Source: k8s.io/kubernetes/pkg/controller/podautoscaler/horizontal.go, reconcileAutoscaler (v1.34)
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricSpec,
  MetricStatus,
} from "@serval/api";
import {
  type Bounds,
  defaultDownscaleWindowSeconds,
  type Limited,
  limitByPolicies,
  limitPlain,
  type Recommendation,
  type ScaleEvent,
  stabilize,
  stabilizePlain,
} from "./limits.ts";
import { type MetricProposal, proposalFor, type WorkloadView } from "./metric-value.ts";
import { MetricError } from "./replica-count.ts";

/** What is remembered between looks. A controller that starts anew remembers nothing and cannot shrink at once. */
export interface Memory {
  readonly recommendations: readonly Recommendation[];
  readonly up: readonly ScaleEvent[];
  readonly down: readonly ScaleEvent[];
}

export interface HpaEvent {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

export interface Decision {
  /** Undefined: leave the workload as it is. */
  readonly scaleTo?: { readonly replicas: number; readonly reason: string };
  readonly status: HorizontalPodAutoscalerStatus;
  readonly events: readonly HpaEvent[];
  readonly memory: Memory;
}

export const noMemory: Memory = { recommendations: [], up: [], down: [] };

type Condition = Omit<HorizontalPodAutoscalerCondition, "lastTransitionTime">;

const iso = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");

/** Replaces the condition of that type; its time moves when its status does. */
export function withCondition(
  conditions: readonly HorizontalPodAutoscalerCondition[],
  next: Condition,
  nowMs: number,
): HorizontalPodAutoscalerCondition[] {
  const old = conditions.find(({ type }) => type === next.type);
  const lastTransitionTime = old?.status === next.status ? old.lastTransitionTime : iso(nowMs);
  const made = { type: next.type, status: next.status, lastTransitionTime, reason: next.reason, message: next.message };
  return old === undefined ? [...conditions, made] : conditions.map((c) => (c === old ? made : c));
}

/** The status with one more condition: for what the controller itself runs into. */
export const statusWith = (
  hpa: HorizontalPodAutoscaler,
  condition: Condition,
  nowMs: number,
): HorizontalPodAutoscalerStatus => ({
  ...hpa.status,
  desiredReplicas: hpa.status?.desiredReplicas ?? 0,
  conditions: withCondition(hpa.status?.conditions ?? [], condition, nowMs),
});

const failedMetric = ({ type }: MetricSpec): string =>
  ["Resource", "ContainerResource", "Pods", "Object", "External"].includes(type)
    ? `FailedGet${type}Metric`
    : "InvalidMetricSourceType";

interface Computed {
  /** Undefined: nothing can be said, or only a part of the metrics can and that part wants fewer. */
  readonly best: MetricProposal | undefined;
  readonly statuses: readonly MetricStatus[];
  readonly condition: Condition;
  readonly events: readonly HpaEvent[];
}

const whatFailed = ({ type, resource, containerResource }: MetricSpec): string =>
  type === "Resource"
    ? `failed to get ${resource?.name} resource metric value`
    : type === "ContainerResource"
      ? `failed to get ${containerResource?.name} container metric value`
      : `failed to get ${type.toLowerCase()} metric value`;

function compute(metrics: readonly MetricSpec[], view: WorkloadView): Computed {
  const proposals: MetricProposal[] = [];
  const failures: { metric: MetricSpec; message: string }[] = [];
  for (const metric of metrics) {
    try {
      proposals.push(proposalFor(metric, view));
    } catch (error) {
      if (!(error instanceof MetricError)) throw error;
      failures.push({ metric, message: error.message });
    }
  }
  const best = proposals.reduce<MetricProposal | undefined>(
    (most, one) => (most === undefined || most.replicas === 0 || one.replicas > most.replicas ? one : most),
    undefined,
  );
  const statuses = proposals.map(({ status }) => status);
  const events = failures.map(
    ({ metric, message }): HpaEvent => ({ type: "Warning", reason: failedMetric(metric), message }),
  );
  const [first] = failures;
  const isBlind = best === undefined || (first !== undefined && best.replicas < view.currentReplicas);
  if (!isBlind) {
    const message = `the HPA was able to successfully calculate a replica count from ${best.name}`;
    const condition = { type: "ScalingActive", status: "True", reason: "ValidMetricFound", message };
    return { best, statuses, condition, events };
  }
  const message = `the HPA was unable to compute the replica count: ${first?.message}`;
  const summary = `invalid metrics (${failures.length} invalid out of ${metrics.length}), first error is: ${first === undefined ? "" : `${whatFailed(first.metric)}: ${first.message}`}`;
  return {
    best: undefined,
    statuses,
    condition: {
      type: "ScalingActive",
      status: "False",
      reason: first === undefined ? "InvalidMetricSourceType" : failedMetric(first.metric),
      message,
    },
    events: [...events, { type: "Warning", reason: "FailedComputeMetricsReplicas", message: summary }],
  };
}

export interface Look {
  readonly hpa: HorizontalPodAutoscaler;
  readonly view: WorkloadView;
  readonly memory: Memory;
}

const windowsOf = ({ spec }: HorizontalPodAutoscaler) => ({
  upSeconds: spec?.behavior?.scaleUp?.stabilizationWindowSeconds ?? 0,
  downSeconds: spec?.behavior?.scaleDown?.stabilizationWindowSeconds ?? defaultDownscaleWindowSeconds,
});

/** Stabilised, then limited; `able` is the AbleToScale condition that says which happened. */
function normalize(
  { hpa, view, memory }: Look,
  desired: number,
  bounds: Bounds,
): { limited: Limited; stabilized: number; able: Condition } {
  const { nowMs, currentReplicas: current } = view;
  const behavior = hpa.spec?.behavior;
  const history = { recommendations: memory.recommendations, nowMs };
  const calm: Limited =
    behavior === undefined
      ? {
          replicas: stabilizePlain(desired, history),
          reason: "ScaleDownStabilized",
          message: "recent recommendations were higher than current one, applying the highest recent recommendation",
        }
      : stabilize({ current, desired }, history, windowsOf(hpa));
  const limited =
    behavior === undefined
      ? limitPlain(calm.replicas, bounds)
      : limitByPolicies(calm.replicas, bounds, {
          scaleUp: behavior.scaleUp ?? {},
          scaleDown: behavior.scaleDown ?? {},
          events: { up: memory.up, down: memory.down, nowMs },
        });
  const able =
    calm.replicas === desired
      ? { reason: "ReadyForNewScale", message: "recommended size matches current size" }
      : { reason: calm.reason, message: calm.message };
  return { limited, stabilized: calm.replicas, able: { type: "AbleToScale", status: "True", ...able } };
}

/** Nothing older than the longest window or period can matter. */
function pruned({ recommendations, up, down }: Memory, hpa: HorizontalPodAutoscaler, nowMs: number): Memory {
  const { upSeconds, downSeconds } = windowsOf(hpa);
  const { scaleUp, scaleDown } = hpa.spec?.behavior ?? {};
  const periods = [...(scaleUp?.policies ?? []), ...(scaleDown?.policies ?? [])].map((policy) => policy.periodSeconds);
  const window = nowMs - Math.max(upSeconds, downSeconds, defaultDownscaleWindowSeconds) * 1_000;
  const period = nowMs - Math.max(0, ...periods) * 1_000;
  return {
    recommendations: recommendations.filter(({ atMs }) => atMs > window),
    up: up.filter(({ atMs }) => atMs > period),
    down: down.filter(({ atMs }) => atMs > period),
  };
}

const scaledMemory = (memory: Memory, change: number, nowMs: number): Memory =>
  change > 0
    ? { ...memory, up: [...memory.up, { change, atMs: nowMs }] }
    : { ...memory, down: [...memory.down, { change: -change, atMs: nowMs }] };

/** Replicas outside of the bounds come back in without asking metrics. */
function outOfBounds({
  currentReplicas,
  minReplicas,
  maxReplicas,
}: Bounds): { replicas: number; reason: string } | undefined {
  if (currentReplicas > maxReplicas)
    return { replicas: maxReplicas, reason: "Current number of replicas above Spec.MaxReplicas" };
  if (currentReplicas < minReplicas)
    return { replicas: minReplicas, reason: "Current number of replicas below Spec.MinReplicas" };
  return undefined;
}

/** The decision for an autoscaler whose workload was found. */
export function decide(look: Look): Decision {
  const { hpa, view } = look;
  const { nowMs, currentReplicas } = view;
  const bounds = { currentReplicas, minReplicas: hpa.spec?.minReplicas ?? 1, maxReplicas: hpa.spec?.maxReplicas ?? 1 };
  const first = [{ replicas: currentReplicas, atMs: nowMs }];
  const known = look.memory.recommendations.length === 0 ? { ...look.memory, recommendations: first } : look.memory;
  const memory = pruned(known, hpa, nowMs);
  const shown = (
    conditions: readonly Condition[],
    replicas: number | undefined,
    metrics?: readonly MetricStatus[],
  ) => ({
    ...(hpa.status?.lastScaleTime === undefined ? {} : { lastScaleTime: hpa.status.lastScaleTime }),
    currentReplicas,
    desiredReplicas: replicas ?? hpa.status?.desiredReplicas ?? 0,
    currentMetrics: [...(metrics ?? [])],
    conditions: conditions.reduce(
      (all, one) => withCondition(all, one, nowMs),
      hpa.status?.conditions ?? ([] as HorizontalPodAutoscalerCondition[]),
    ),
  });
  if (currentReplicas === 0) {
    const message = "scaling is disabled since the replica count of the target is zero";
    const disabled = { type: "ScalingActive", status: "False", reason: "ScalingDisabled", message };
    return { status: shown([foundScale, disabled], 0), events: [], memory };
  }
  const outside = outOfBounds(bounds);
  if (outside !== undefined) {
    return rescaled({ look, memory, scaleTo: outside, events: [] }, shown([foundScale], outside.replicas));
  }
  const { best, statuses, condition, events } = compute(hpa.spec?.metrics ?? [], view);
  if (best === undefined) return { status: shown([foundScale, condition], undefined, statuses), events, memory };
  const desired = best.replicas;
  const { limited, stabilized, able } = normalize({ ...look, memory }, desired, bounds);
  const isLimited = limited.replicas !== stabilized;
  const scalingLimited = {
    type: "ScalingLimited",
    status: isLimited ? "True" : "False",
    reason: limited.reason,
    message: limited.message,
  };
  const remembered = { ...memory, recommendations: [...memory.recommendations, { replicas: desired, atMs: nowMs }] };
  const status = shown([able, condition, scalingLimited], limited.replicas, statuses);
  if (limited.replicas === currentReplicas) return { status, events, memory: remembered };
  const reason = desired > currentReplicas ? `${best.name} above target` : "All metrics below target";
  return rescaled({ look, memory: remembered, scaleTo: { replicas: limited.replicas, reason }, events }, status);
}

const foundScale: Condition = {
  type: "AbleToScale",
  status: "True",
  reason: "SucceededGetScale",
  message: "the HPA controller was able to get the target's current scale",
};

/** What holds once the workload has been told. */
function rescaled(
  {
    look,
    memory,
    scaleTo,
    events,
  }: Pick<Decision, "memory" | "events"> & { look: Look; scaleTo: NonNullable<Decision["scaleTo"]> },
  status: HorizontalPodAutoscalerStatus,
): Decision {
  const { nowMs, currentReplicas } = look.view;
  const able = {
    type: "AbleToScale",
    status: "True",
    reason: "SucceededRescale",
    message: `the HPA controller was able to update the target scale to ${scaleTo.replicas}`,
  };
  return {
    scaleTo,
    status: { ...status, lastScaleTime: iso(nowMs), conditions: withCondition(status.conditions ?? [], able, nowMs) },
    events: [
      ...events,
      {
        type: "Normal",
        reason: "SuccessfulRescale",
        message: `New size: ${scaleTo.replicas}; reason: ${scaleTo.reason}`,
      },
    ],
    memory: scaledMemory(memory, scaleTo.replicas - currentReplicas, nowMs),
  };
}
