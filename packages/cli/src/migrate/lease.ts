// SPDX-License-Identifier: Apache-2.0
// The Lease by which KServe and Serval keep apart, held by this command while neither may act.
import { randomUUID } from "node:crypto";
import { kserveNamespace, type Lease, resources } from "@serval/api";
import { type Cluster, isConflict } from "@serval/kube";
import { isServalIdentity, leaseName } from "@serval/operator";

const key = { namespace: kserveNamespace, name: leaseName };
const leaseSeconds = 15;
const renewMs = 4_000;
/** client-go's and Serval's deadline of renewal: a holder that lost the lease acts no longer than this. */
export const renewDeadlineMs = 10_000;

const microTime = (date: Date): string => date.toISOString().replace("Z", "000Z");

export const readLease = (cluster: Cluster): Promise<Lease | undefined> => cluster.get(resources.leases, key);

export type Holder = "nobody" | "serval" | "migration" | "other";

const ownPrefix = "serval-migrate";

/** Pure. @param now to judge whether the lease still runs. */
export function holderOf(lease: Lease | undefined, now: Date): Holder {
  const { holderIdentity = "", renewTime, leaseDurationSeconds = leaseSeconds } = lease?.spec ?? {};
  if (holderIdentity === "" || now.getTime() - Date.parse(renewTime ?? "") > leaseDurationSeconds * 1_000)
    return "nobody";
  if (holderIdentity.startsWith(ownPrefix)) return "migration";
  return isServalIdentity(holderIdentity) ? "serval" : "other";
}

async function write(cluster: Cluster, spec: NonNullable<Lease["spec"]>, mayTake: (lease?: Lease) => boolean) {
  for (;;) {
    const lease = await readLease(cluster);
    if (!mayTake(lease)) return false;
    try {
      if (lease === undefined)
        await cluster.create(resources.leases, {
          apiVersion: "coordination.k8s.io/v1",
          kind: "Lease",
          metadata: key,
          spec,
        });
      else await cluster.update(resources.leases, { ...lease, spec: { ...lease.spec, ...spec } });
      return true;
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
}

/** Whoever held it is gone for certain: the next may take it at once. */
export const freeLease = (cluster: Cluster): Promise<boolean> =>
  write(
    cluster,
    { holderIdentity: "", leaseDurationSeconds: 1 },
    (lease) => lease !== undefined && holderOf(lease, new Date()) === "other",
  );

export interface HeldLease {
  /** Since when, in ms of `performance.now()`. */
  readonly since: number;
  release(): Promise<void>;
}

/** Takes it from whoever holds it, and renews it until it is released. @throws ApiError. */
export async function holdLease(cluster: Cluster): Promise<HeldLease> {
  const holderIdentity = `${ownPrefix}_${randomUUID()}`;
  const isOurs = (lease?: Lease): boolean => lease?.spec?.holderIdentity === holderIdentity;
  const claim = (mayTake: (lease?: Lease) => boolean): Promise<boolean> => {
    const time = microTime(new Date());
    const spec = { holderIdentity, leaseDurationSeconds: leaseSeconds, acquireTime: time, renewTime: time };
    return write(cluster, spec, mayTake);
  };
  await claim(() => true);
  const since = performance.now();
  const timer = setInterval(() => void claim(isOurs).catch(() => {}), renewMs);
  return {
    since,
    async release() {
      clearInterval(timer);
      await write(cluster, { holderIdentity: "", leaseDurationSeconds: 1 }, isOurs);
    },
  };
}
