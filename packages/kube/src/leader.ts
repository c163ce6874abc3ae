// SPDX-License-Identifier: Apache-2.0
// Leader election on a Lease, as client-go does it: at most one holder acts, a dead one is replaced after its lease.
import { type Lease, resources } from "@serval/api";
import type { Cluster } from "./cluster.ts";
import { delay } from "./informer.ts";

export interface LeaderOptions {
  readonly namespace: string;
  readonly name: string;
  /** Unique per process: host name and a random part. */
  readonly identity: string;
  readonly signal: AbortSignal;
  /** client-go's defaults: 15 s, 10 s, 2 s. */
  readonly leaseMs?: number;
  readonly renewDeadlineMs?: number;
  readonly retryMs?: number;
  /** For the times that are written. */
  readonly now?: () => Date;
  /** Milliseconds of a clock that nobody sets, for everything that is measured. */
  readonly elapsed?: () => number;
  readonly onError?: (error: unknown) => void;
  /** Asked before a lease that is free is taken. Default: yes. */
  readonly mayLead?: () => Promise<boolean>;
  /** Told at every try while another holder's lease is running. */
  readonly onWaiting?: (lease: Lease) => void;
}

const microTime = (date: Date): string => date.toISOString().replace("Z", "000Z");

/**
 * What we would write now; undefined while another holder's lease is running. Pure.
 *
 * `heardMsAgo`: since this process saw the holder's last renewal.
 */
export function claimLease(
  lease: Lease | undefined,
  options: { namespace: string; name: string; identity: string; leaseMs: number; now: Date; heardMsAgo: number },
): Lease | undefined {
  const { identity, leaseMs, now } = options;
  const spec = lease?.spec;
  const held = spec?.holderIdentity !== undefined && spec.holderIdentity !== "" && spec.holderIdentity !== identity;
  const heldMs = (spec?.leaseDurationSeconds ?? leaseMs / 1000) * 1000;
  if (held && options.heardMsAgo < heldMs) return undefined;
  const isOurs = spec?.holderIdentity === identity;
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: lease?.metadata ?? { namespace: options.namespace, name: options.name },
    spec: {
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.round(leaseMs / 1000)),
      acquireTime: isOurs ? spec.acquireTime : microTime(now),
      renewTime: microTime(now),
      leaseTransitions: (spec?.leaseTransitions ?? 0) + (lease !== undefined && !isOurs ? 1 : 0),
    },
  };
}

/**
 * Waits to lead, runs `lead(signal)` while leading, and gives the lease up at the end. The signal given to `lead`
 * aborts when the lease was lost (renewal failed for `renewDeadlineMs`) or `options.signal` aborts; then this resolves.
 */
export async function runAsLeader(
  cluster: Cluster,
  options: LeaderOptions,
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { namespace, name, identity, signal, leaseMs = 15_000, renewDeadlineMs = 10_000, retryMs = 2_000 } = options;
  const now = options.now ?? (() => new Date());
  const elapsed = options.elapsed ?? (() => performance.now());
  let seenRenewal: string | undefined;
  // Expiry is counted from when this process saw the holder's last renewal, on a clock that does not jump: clocks of two
  // machines may differ, and one that is set an hour ahead must not make two leaders.
  let observedAt = 0;

  const claim = async (): Promise<boolean> => {
    const lease = await cluster.get(resources.leases, { namespace, name });
    const renewal = `${lease?.spec?.holderIdentity} ${lease?.spec?.renewTime}`;
    if (renewal !== seenRenewal) [seenRenewal, observedAt] = [renewal, elapsed()];
    const next = claimLease(lease, {
      namespace,
      name,
      identity,
      leaseMs,
      now: now(),
      heardMsAgo: elapsed() - observedAt,
    });
    if (next === undefined) {
      options.onWaiting?.(lease as Lease);
      return false;
    }
    const isOurs = lease?.spec?.holderIdentity === identity;
    if (!isOurs && options.mayLead !== undefined && !(await options.mayLead())) return false;
    if (lease === undefined) await cluster.create(resources.leases, next);
    else await cluster.update(resources.leases, next);
    return true;
  };
  const tryClaim = (): Promise<boolean> =>
    claim().catch((error: unknown) => {
      if (!signal.aborted) options.onError?.(error);
      return false;
    });

  while (!signal.aborted && !(await tryClaim())) await delay(retryMs, signal);
  if (signal.aborted) return;
  const lost = new AbortController();
  const leading = lead(AbortSignal.any([signal, lost.signal])).finally(() => lost.abort());
  const stop = AbortSignal.any([signal, lost.signal]);
  for (let renewedAt = elapsed(); !stop.aborted; await delay(retryMs, stop)) {
    if (await tryClaim()) renewedAt = elapsed();
    else if (elapsed() - renewedAt > renewDeadlineMs) lost.abort(new Error(`Lost lease ${namespace}/${name}`));
  }
  await leading;
  await release(cluster, options).catch(() => {});
}

async function release(cluster: Cluster, { namespace, name, identity }: LeaderOptions): Promise<void> {
  const lease = await cluster.get(resources.leases, { namespace, name });
  if (lease?.spec?.holderIdentity !== identity) return;
  await cluster.update(resources.leases, {
    ...lease,
    spec: { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 },
  });
}
