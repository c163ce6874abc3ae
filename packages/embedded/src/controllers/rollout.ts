// SPDX-License-Identifier: Apache-2.0
// How a Deployment moves from old ReplicaSets to the new one: the numbers of a rolling update. Pure.
import type { Deployment, ReplicaSet } from "@serval/api";

/** `25%` of `total`, or a plain number. Surge rounds up, unavailability down, as Kubernetes does. */
export function resolveShare(share: number | string | undefined, total: number, round: "up" | "down"): number {
  if (share === undefined) return resolveShare("25%", total, round);
  if (typeof share === "number") return share;
  const part = (Number.parseFloat(share) / 100) * total;
  return round === "up" ? Math.ceil(part) : Math.floor(part);
}

export interface RolloutLimits {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

export function rolloutLimits(deployment: Deployment): RolloutLimits {
  const replicas = deployment.spec?.replicas ?? 1;
  if (deployment.spec?.strategy?.type === "Recreate") return { maxSurge: 0, maxUnavailable: replicas };
  const rolling = deployment.spec?.strategy?.rollingUpdate;
  const maxSurge = resolveShare(rolling?.maxSurge, replicas, "up");
  const maxUnavailable = resolveShare(rolling?.maxUnavailable, replicas, "down");
  // Both zero would be a rollout that can never move.
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable };
}

export interface SetCounts {
  readonly name: string;
  /** `spec.replicas`. */
  readonly wanted: number;
  readonly available: number;
}

const counts = (set: ReplicaSet): SetCounts => ({
  name: set.metadata.name,
  wanted: set.spec?.replicas ?? 0,
  available: set.status?.availableReplicas ?? 0,
});

/** The number each ReplicaSet should have next. Sets whose number stays are not in the answer. */
export function nextScales(
  deployment: Deployment,
  current: ReplicaSet,
  olds: readonly ReplicaSet[],
): ReadonlyMap<string, number> {
  const replicas = deployment.spec?.replicas ?? 1;
  const limits = rolloutLimits(deployment);
  const fresh = counts(current);
  const old = olds.map(counts);
  const scales = new Map<string, number>();
  const isRecreate = deployment.spec?.strategy?.type === "Recreate";
  if (isRecreate) {
    for (const set of old) if (set.wanted > 0) scales.set(set.name, 0);
    // Old pods must be gone, not only unwanted, before the first new one.
    const oldPods = olds.reduce((sum, set) => sum + Math.max(set.spec?.replicas ?? 0, set.status?.replicas ?? 0), 0);
    if (oldPods === 0 && fresh.wanted !== replicas) scales.set(fresh.name, replicas);
    return scales;
  }
  const total = fresh.wanted + old.reduce((sum, set) => sum + set.wanted, 0);
  const grown =
    fresh.wanted >= replicas
      ? replicas
      : fresh.wanted + Math.max(0, Math.min(replicas + limits.maxSurge - total, replicas - fresh.wanted));
  if (grown !== fresh.wanted) scales.set(fresh.name, grown);
  for (const [name, next] of shrinkOld(old, { fresh, replicas, limits })) scales.set(name, next);
  return scales;
}

/** Unhealthy old pods first (they serve nobody), then healthy ones as far as availability allows. */
function shrinkOld(
  old: readonly SetCounts[],
  { fresh, replicas, limits }: { fresh: SetCounts; replicas: number; limits: RolloutLimits },
): Map<string, number> {
  const next = new Map<string, number>();
  const total = fresh.wanted + old.reduce((sum, set) => sum + set.wanted, 0);
  const minAvailable = replicas - limits.maxUnavailable;
  let unhealthyBudget = total - minAvailable - Math.max(0, fresh.wanted - fresh.available);
  const after = old.map((set) => {
    const unhealthy = Math.max(0, Math.min(set.wanted - set.available, unhealthyBudget));
    unhealthyBudget -= unhealthy;
    return { ...set, wanted: set.wanted - unhealthy };
  });
  let healthyBudget = fresh.available + old.reduce((sum, set) => sum + set.available, 0) - minAvailable;
  for (const [i, set] of after.entries()) {
    const healthy = Math.max(0, Math.min(set.wanted, healthyBudget, set.available));
    healthyBudget -= healthy;
    const wanted = set.wanted - healthy;
    if (wanted !== (old[i] as SetCounts).wanted) next.set(set.name, wanted);
  }
  return next;
}
