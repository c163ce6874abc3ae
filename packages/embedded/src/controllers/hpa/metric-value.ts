// SPDX-License-Identifier: Apache-2.0
// One metric of an autoscaler against the pods: what it asks for, and how it reads in the status. Pure.
// Source: k8s.io/kubernetes/pkg/controller/podautoscaler/{horizontal,replica_calculator}.go (v1.34)
import {
  type Container,
  type MetricSpec,
  type MetricStatus,
  type MetricTarget,
  type Pod,
  quantityValue,
} from "@serval/api";
import type { PodUsage } from "../../apiserver/resource-metrics.ts";
import {
  MetricError,
  type PodSample,
  type Proposal,
  replicasForAverage,
  replicasForUtilization,
  type Tolerance,
} from "./replica-count.ts";

/** --horizontal-pod-autoscaler-cpu-initialization-period and --horizontal-pod-autoscaler-initial-readiness-delay */
const cpuInitializationMs = 300_000;
const initialReadinessMs = 30_000;

/** The workload as one look of the autoscaler sees it. */
export interface WorkloadView {
  readonly pods: readonly Pod[];
  readonly usageOf: (pod: Pod) => PodUsage | undefined;
  readonly currentReplicas: number;
  readonly tolerance: Tolerance;
  readonly nowMs: number;
}

export interface MetricProposal {
  readonly replicas: number;
  /** `cpu resource utilization (percentage of request)` */
  readonly name: string;
  readonly status: MetricStatus;
}

/** A start is not load: CPU of a pod counts once it was ready for a whole window. */
function isCpuUnready({ status }: Pod, { atMs, windowMs }: PodUsage, nowMs: number): boolean {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  if (ready === undefined || status?.startTime === undefined) return true;
  const startMs = Date.parse(status.startTime);
  const changedMs = Date.parse(ready.lastTransitionTime ?? "");
  if (startMs + cpuInitializationMs > nowMs) return ready.status === "False" || atMs < changedMs + windowMs;
  return ready.status === "False" && startMs + initialReadinessMs > changedMs;
}

/** Which part of a pod a metric speaks of. */
interface Source {
  readonly resource: string;
  /** Undefined: the whole pod. */
  readonly container?: string | undefined;
}

function stateOf(pod: Pod, usage: PodUsage | undefined, { source, nowMs }: { source: Source; nowMs: number }) {
  const phase = pod.status?.phase ?? "Pending";
  if (pod.metadata.deletionTimestamp !== undefined || phase === "Failed") return "ignored";
  if (phase === "Pending") return "unready";
  const isUnready = source.resource === "cpu" && usage !== undefined && isCpuUnready(pod, usage, nowMs);
  return isUnready ? "unready" : "ready";
}

/** Milli-units. @throws MetricError */
function usedBy(pod: Pod, usage: PodUsage | undefined, { resource, container }: Source): number | undefined {
  if (usage === undefined) return undefined;
  const counted = usage.containers.filter(({ name }) => container === undefined || name === container);
  if (counted.length === 0)
    throw new MetricError(
      `container ${container} not present in metrics for pod ${pod.metadata.namespace}/${pod.metadata.name}`,
    );
  return counted.reduce((sum, c) => sum + (resource === "cpu" ? c.cpuMilli : c.memoryBytes * 1_000), 0);
}

const servingContainers = ({ spec }: Pod): Container[] => [
  ...(spec?.containers ?? []),
  ...(spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always"),
];

/** Milli-units. @throws MetricError */
function requestedBy(pod: Pod, { resource, container }: Source): number {
  let sum = 0;
  for (const { name, resources } of servingContainers(pod)) {
    if (container !== undefined && name !== container) continue;
    const request = resources?.requests?.[resource];
    if (request === undefined)
      throw new MetricError(`missing request for ${resource} in container ${name} of Pod ${pod.metadata.name}`);
    sum += Math.ceil(quantityValue(request) * 1_000);
  }
  return sum;
}

/** @throws MetricError */
function samplesOf(view: WorkloadView, source: Source, needsRequests: boolean): PodSample[] {
  const { pods, usageOf, nowMs } = view;
  if (!["cpu", "memory"].includes(source.resource) || pods.every((pod) => usageOf(pod) === undefined))
    throw new MetricError(
      `unable to get metrics for resource ${source.resource}: no metrics returned from resource metrics API`,
    );
  return pods.map((pod) => {
    const usage = usageOf(pod);
    const state = stateOf(pod, usage, { source, nowMs });
    return {
      name: pod.metadata.name,
      state,
      usage: state === "ignored" ? undefined : usedBy(pod, usage, source),
      request: needsRequests ? requestedBy(pod, source) : 0,
    };
  });
}

const decimalSuffixes = ["", "k", "M", "G", "T", "P", "E"];

/** Milli-units as Kubernetes prints a decimal quantity: `250m`, `2`, `104857600`, `2M`. */
export function quantityText(milli: number): string {
  if (milli % 1_000 !== 0) return `${milli}m`;
  let [value, step] = [milli / 1_000, 0];
  while (value !== 0 && value % 1_000 === 0 && step < decimalSuffixes.length - 1)
    [value, step] = [value / 1_000, step + 1];
  return `${value}${decimalSuffixes[step]}`;
}

type Current = { averageUtilization?: number; averageValue: string };

/** @throws MetricError */
function compare(view: WorkloadView, source: Source, target: MetricTarget): { proposal: Proposal; current: Current } {
  if (target.averageValue !== undefined) {
    const proposal = inWords(`failed to get ${source.resource} usage`, () =>
      replicasForAverage(
        { ...view, pods: samplesOf(view, source, false) },
        Math.ceil(quantityValue(target.averageValue as string) * 1_000),
      ),
    );
    return { proposal, current: { averageValue: quantityText(proposal.current) } };
  }
  const wanted = target.averageUtilization;
  if (wanted === undefined)
    throw new MetricError(
      "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set",
    );
  const proposal = inWords(`failed to get ${source.resource} utilization`, () =>
    replicasForUtilization({ ...view, pods: samplesOf(view, source, true) }, wanted),
  );
  return {
    proposal,
    current: { averageUtilization: proposal.current, averageValue: quantityText(proposal.average) },
  };
}

function inWords<T>(what: string, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    throw error instanceof MetricError ? new MetricError(`${what}: ${error.message}`) : error;
  }
}

/** @throws MetricError, also for metrics that this home has no source of. */
export function proposalFor(metric: MetricSpec, view: WorkloadView): MetricProposal {
  const { resource, containerResource } = metric;
  const source =
    metric.type === "Resource" ? resource : metric.type === "ContainerResource" ? containerResource : undefined;
  if (source === undefined) {
    throw new MetricError(
      `unable to get metrics of type ${metric.type}: no custom or external metrics API is served here; use a Resource metric (cpu, memory) or a cluster with such an adapter`,
    );
  }
  const container = metric.type === "ContainerResource" ? containerResource?.container : undefined;
  const { proposal, current } = compare(view, { resource: source.name, container }, source.target);
  const kind = container === undefined ? "resource" : "container resource";
  const suffix = current.averageUtilization === undefined ? "" : " utilization (percentage of request)";
  return {
    replicas: proposal.replicas,
    name: `${source.name} ${kind}${suffix}`,
    status:
      container === undefined
        ? { type: "Resource", resource: { name: source.name, current } }
        : { type: "ContainerResource", containerResource: { name: source.name, container, current } },
  };
}
