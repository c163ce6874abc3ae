// SPDX-License-Identifier: Apache-2.0
// Whether a new status is worth a write. Kubernetes rewrites `currentMetrics` at every look, every 15 seconds for every
// autoscaler; here an idle home writes nothing, so a metric is written when it has moved by a part of its target.
import {
  type HorizontalPodAutoscalerStatus,
  type MetricSpec,
  type MetricStatus,
  type MetricTarget,
  quantityValue,
} from "@serval/api";

/** Half of the tolerance within which no scaling happens. */
const shareOfTarget = 0.05;

type Source = {
  name: string;
  container?: string;
  target?: MetricTarget;
  current?: { averageUtilization?: number | undefined; averageValue?: string | undefined };
};
const sourceOf = (metric: MetricSpec | MetricStatus): Source | undefined =>
  (metric.resource ?? metric.containerResource) as Source | undefined;

const idOf = (metric: MetricSpec | MetricStatus): string => {
  const source = sourceOf(metric);
  return `${metric.type}/${source?.name}/${source?.container ?? ""}`;
};

function hasMoved(old: MetricStatus, next: MetricStatus, spec: MetricSpec | undefined): boolean {
  const [before, after, target] = [sourceOf(old)?.current, sourceOf(next)?.current, spec && sourceOf(spec)?.target];
  if (target?.averageUtilization !== undefined) {
    const moved = Math.abs((after?.averageUtilization ?? 0) - (before?.averageUtilization ?? -Infinity));
    return moved >= target.averageUtilization * shareOfTarget;
  }
  const value = (text: string | undefined): number => quantityValue(text ?? "0");
  return (
    Math.abs(value(after?.averageValue) - value(before?.averageValue)) >= value(target?.averageValue) * shareOfTarget
  );
}

/** Pure. */
export function isNews(
  old: HorizontalPodAutoscalerStatus | undefined,
  next: HorizontalPodAutoscalerStatus,
  specs: readonly MetricSpec[],
): boolean {
  if (old === undefined) return true;
  const plain = ({ conditions, currentReplicas = 0, desiredReplicas, lastScaleTime }: HorizontalPodAutoscalerStatus) =>
    JSON.stringify([
      (conditions ?? []).map(({ type, status, reason, message }) => [type, status, reason, message]),
      currentReplicas,
      desiredReplicas,
      lastScaleTime,
    ]);
  if (plain(old) !== plain(next)) return true;
  const before = new Map((old.currentMetrics ?? []).map((metric) => [idOf(metric), metric]));
  const after = next.currentMetrics ?? [];
  if (before.size !== after.length) return true;
  return after.some((metric) => {
    const known = before.get(idOf(metric));
    return (
      known === undefined ||
      hasMoved(
        known,
        metric,
        specs.find((spec) => idOf(spec) === idOf(metric)),
      )
    );
  });
}
