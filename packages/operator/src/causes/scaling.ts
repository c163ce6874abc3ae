// SPDX-License-Identifier: Apache-2.0
// Autoscalers that cannot scale. Pure.
// Source: kubernetes pkg/controller/podautoscaler/horizontal.go (conditions), KEDA ScaledObject conditions.
import type { AnyObject, HorizontalPodAutoscaler } from "@serval/api";
import { causeOf, conditionOf, type Rule, words } from "./cause.ts";
import type { Evidence } from "./evidence.ts";

/** Metrics of a new pod come a minute late on most clusters. */
export const metricsGraceMs = 60_000;

/** Not a matter of time: the API that would answer is not there. */
const isFinal = (text: string): boolean =>
  /missing request for|no (custom|external) metrics API|server could not find the requested resource|no metrics returned from (custom|external)|unable to fetch metrics from (custom|external)/i.test(
    text,
  );

type HpaCondition = NonNullable<NonNullable<HorizontalPodAutoscaler["status"]>["conditions"]>[number];

/** The condition that stops an autoscaler; `ScalingDisabled` is a user's zero replicas. */
export function stoppedScaling({ status }: HorizontalPodAutoscaler): HpaCondition | undefined {
  for (const type of ["AbleToScale", "ScalingActive"]) {
    const condition = conditionOf(status?.conditions, type);
    if (condition?.status === "False" && condition.reason !== "ScalingDisabled") return condition;
  }
  return undefined;
}

/** When the trouble counts: at once, or when metrics had their time to come. */
export function stoppedForMs(condition: HpaCondition, now: Date): number {
  if (isFinal(condition.message ?? "")) return Number.POSITIVE_INFINITY;
  return now.getTime() - Date.parse(condition.lastTransitionTime ?? now.toISOString());
}

function fixFor(text: string, metric: string | undefined): string {
  if (metric !== undefined)
    return `Install an adapter (Prometheus Adapter, KEDA) that serves the metric ${metric}, or scale on another one`;
  const lacking = /missing request for ([\w./-]+) in container (\S+)/.exec(text);
  if (lacking !== null) return `Set resources.requests.${lacking[1]} of the container ${lacking[2]}`;
  return "Install metrics-server, and give every container a request for the resource that is scaled on";
}

/** One with equal bounds has nothing to do; every service has an autoscaler (KServe). */
export const canScale = ({ spec }: HorizontalPodAutoscaler): boolean =>
  (spec?.maxReplicas ?? 1) > (spec?.minReplicas ?? 1);

/** Without a pod that serves there is nothing to measure: what keeps it from serving is the cause. */
const serves = ({ deployments }: Evidence, { spec }: HorizontalPodAutoscaler): boolean =>
  deployments.some(
    ({ metadata, status }) => metadata.name === spec?.scaleTargetRef.name && (status?.availableReplicas ?? 0) > 0,
  );

export const stoppedAutoscalers: Rule = function* (evidence) {
  for (const autoscaler of evidence.autoscalers.filter((one) => canScale(one) && serves(evidence, one))) {
    const condition = stoppedScaling(autoscaler);
    if (condition === undefined || stoppedForMs(condition, evidence.now) < metricsGraceMs) continue;
    const { name = "" } = autoscaler.metadata;
    const own = autoscaler.spec?.metrics?.find(({ type }) => type !== "Resource");
    const metric = own?.pods?.metric.name ?? own?.object?.metric.name ?? own?.external?.metric.name;
    yield causeOf("ScalingWithoutMetrics", {
      message: `HorizontalPodAutoscaler ${name} does not scale (${condition.reason}): ${words(condition.message) || condition.reason}`,
      of: `HorizontalPodAutoscaler ${name}`,
      fix: fixFor(condition.message ?? "", metric),
    });
  }
};

interface ScaledStatus {
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
    readonly message?: string;
  }[];
}

export const stoppedScaledObjects: Rule = function* ({ scaledObjects }) {
  for (const object of scaledObjects) {
    const ready = conditionOf((object as AnyObject & { status?: ScaledStatus }).status?.conditions, "Ready");
    if (ready?.status !== "False") continue;
    const of = `ScaledObject ${object.metadata.name}`;
    yield causeOf("ScalingWithoutMetrics", {
      message: `${of} does not scale (${ready.reason}): ${words(ready.message)}`,
      of,
      fix: "Correct the trigger that the message names: its server's address, query and credentials",
    });
  }
};
