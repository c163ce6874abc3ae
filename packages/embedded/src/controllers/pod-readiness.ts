// SPDX-License-Identifier: Apache-2.0
// What a workload controller wants to know about a pod. Pure.
import type { Pod } from "@serval/api";
import { isDeleting } from "./ownership.ts";

export const readySince = (pod: Pod): number | undefined => {
  const ready = pod.status?.conditions?.find((condition) => condition.type === "Ready");
  return ready?.status === "True" ? Date.parse(ready.lastTransitionTime ?? "") : undefined;
};

export const isReady = (pod: Pod): boolean => readySince(pod) !== undefined;

export const isAvailable = (pod: Pod, minReadySeconds: number, nowMs: number): boolean => {
  const since = readySince(pod);
  return since !== undefined && since + minReadySeconds * 1_000 <= nowMs;
};

/** Counts towards its owner's replicas: not ended and not on its way out. */
export const isActive = (pod: Pod): boolean =>
  !isDeleting(pod) && pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed";

const rank = (pod: Pod): number[] => [
  pod.spec?.nodeName === undefined ? 0 : 1,
  { Pending: 0, Unknown: 1, Running: 2 }[pod.status?.phase ?? "Pending"] ?? 0,
  isReady(pod) ? 1 : 0,
  -(readySince(pod) ?? Number.MAX_SAFE_INTEGER / 2),
  -Date.parse(pod.metadata.creationTimestamp ?? ""),
];

/** Which pods go first when a workload shrinks: the least useful, as kube-controller-manager ranks them. */
export function byDeletionOrder(a: Pod, b: Pod): number {
  const [x, y] = [rank(a), rank(b)];
  const at = x.findIndex((value, i) => value !== y[i]);
  return at < 0 ? (a.metadata.name < b.metadata.name ? -1 : 1) : (x[at] as number) - (y[at] as number);
}
