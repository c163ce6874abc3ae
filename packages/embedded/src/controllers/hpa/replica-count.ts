// SPDX-License-Identifier: Apache-2.0
// How many replicas one metric asks for. Pure: usages, requests and targets are whole milli-units.
// Source: k8s.io/kubernetes/pkg/controller/podautoscaler/replica_calculator.go (v1.34)

export interface Tolerance {
  readonly scaleDown: number;
  readonly scaleUp: number;
}

/** kube-controller-manager's --horizontal-pod-autoscaler-tolerance. */
export const defaultTolerance: Tolerance = { scaleDown: 0.1, scaleUp: 0.1 };

/** What the autoscaler knows about one pod for one metric. */
export interface PodSample {
  readonly name: string;
  /** Undefined: there is no sample of it. */
  readonly usage: number | undefined;
  readonly request: number;
  /** `ignored`: it is deleted or has failed; `unready`: its sample does not count yet. */
  readonly state: "ready" | "unready" | "ignored";
}

export interface Proposal {
  readonly replicas: number;
  /** Per cent for utilisation, milli-units otherwise: what `status.currentMetrics` shows. */
  readonly current: number;
  /** Average of the usages where `current` is a percentage. */
  readonly average: number;
}

/** A metric that could not be read or used, in the words of kube-controller-manager. */
export class MetricError extends Error {
  override readonly name = "MetricError";
}

const isWithin = (ratio: number, { scaleDown, scaleUp }: Tolerance): boolean =>
  1 - scaleDown <= ratio && ratio <= 1 + scaleUp;

interface Usage {
  readonly ratio: number;
  readonly current: number;
  readonly average: number;
}

/** How usages compare with the target. */
type Measure = (usages: ReadonlyMap<string, number>) => Usage;

const total = (values: Iterable<number>): number => [...values].reduce((sum, value) => sum + value, 0);

function utilization(requests: ReadonlyMap<string, number>, target: number): Measure {
  return (usages) => {
    const used = total(usages.values());
    const asked = total([...usages.keys()].map((name) => requests.get(name) ?? 0));
    if (asked === 0) throw new MetricError("no metrics returned matched known pods");
    const current = Math.floor((used * 100) / asked);
    return { ratio: current / target, current, average: Math.floor(used / usages.size) };
  };
}

const averageValue =
  (target: number): Measure =>
  (usages) => {
    const average = Math.floor(total(usages.values()) / usages.size);
    return { ratio: average / target, current: average, average };
  };

interface Question {
  readonly pods: readonly PodSample[];
  readonly currentReplicas: number;
  readonly tolerance: Tolerance;
}

/** What a pod without a sample is taken to use when the others ask for fewer: never the reason to remove it. */
type WhenMissing = (pod: PodSample) => number;

function propose(
  { pods, currentReplicas, tolerance }: Question,
  measure: Measure,
  missingOnTheWayDown: WhenMissing,
): Proposal {
  const seen = pods.filter(({ state }) => state !== "ignored");
  const unready = seen.filter(({ state }) => state === "unready");
  const ready = seen.filter(({ state, usage }) => state === "ready" && usage !== undefined);
  const missing = seen.filter(({ state, usage }) => state === "ready" && usage === undefined);
  if (ready.length === 0) throw new MetricError("did not receive metrics for targeted pods (pods might be unready)");
  const usages = new Map(ready.map(({ name, usage }) => [name, usage as number]));
  const { ratio, current, average } = measure(usages);
  const answer = (replicas: number): Proposal => ({ replicas, current, average });
  const growsDespiteUnready = unready.length > 0 && ratio > 1;
  if (!growsDespiteUnready && missing.length === 0)
    return answer(isWithin(ratio, tolerance) ? currentReplicas : Math.ceil(ratio * ready.length));
  if (ratio !== 1) for (const pod of missing) usages.set(pod.name, ratio < 1 ? missingOnTheWayDown(pod) : 0);
  if (growsDespiteUnready) for (const { name } of unready) usages.set(name, 0);
  const { ratio: filled } = measure(usages);
  const turns = (ratio < 1 && filled > 1) || (ratio > 1 && filled < 1);
  if (isWithin(filled, tolerance) || turns) return answer(currentReplicas);
  const replicas = Math.ceil(filled * usages.size);
  const isBackwards = (filled < 1 && replicas > currentReplicas) || (filled > 1 && replicas < currentReplicas);
  return answer(isBackwards ? currentReplicas : replicas);
}

/** A share of what the pods request. @param target per cent. @throws MetricError */
export function replicasForUtilization(question: Question, target: number): Proposal {
  const requests = new Map(question.pods.map(({ name, request }) => [name, request]));
  return propose(question, utilization(requests, target), ({ request }) =>
    Math.floor((request * Math.max(100, target)) / 100),
  );
}

/** A value for each pod. @param target milli-units. @throws MetricError */
export const replicasForAverage = (question: Question, target: number): Proposal =>
  propose(question, averageValue(target), () => target);

interface OneValue {
  readonly value: number;
  readonly target: number;
  readonly currentReplicas: number;
  readonly tolerance: Tolerance;
}

/** One value for the whole workload (Object and External with `Value`). */
export function replicasForValue(question: OneValue & { readonly readyPods: number }): Proposal {
  const { value, target, currentReplicas, readyPods, tolerance } = question;
  const ratio = value / target;
  const answer = (replicas: number): Proposal => ({ replicas, current: value, average: value });
  // Nothing runs: there is nothing to be within tolerance of, and no pod that could be ready.
  if (currentReplicas === 0) return answer(Math.ceil(ratio));
  return answer(isWithin(ratio, tolerance) ? currentReplicas : Math.ceil(ratio * readyPods));
}

/** One value that the replicas share (Object and External with `AverageValue`). */
export function replicasForSharedValue({ value, target, currentReplicas, tolerance }: OneValue): Proposal {
  const ratio = value / (target * currentReplicas);
  const replicas = isWithin(ratio, tolerance) ? currentReplicas : Math.ceil(value / target);
  const current = Math.ceil(value / currentReplicas);
  return { replicas, current, average: current };
}
