// SPDX-License-Identifier: Apache-2.0
// Leader election among processes, on a real Lease of the embedded API server.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Lease, resources } from "@serval/api";
import { type Cluster, createCluster, runAsLeader } from "@serval/kube";
import { silentLogger } from "@serval/observe";
import { memoryStore } from "../store/index.ts";
import { createApiServer } from "./index.ts";

const key = { namespace: "kserve", name: "lock" };
const quick = { ...key, leaseMs: 1_000, renewDeadlineMs: 400, retryMs: 25 };

async function withCluster(work: (cluster: Cluster) => Promise<void>): Promise<void> {
  const server = await createApiServer({ store: memoryStore(), crds: [], admission: [], log: silentLogger });
  try {
    await work(createCluster(server.transport, "test"));
  } finally {
    await server.close();
  }
}

/** A contender; `leads` settles when it leads, `lost` when its lead ended. */
function contend(cluster: Cluster, identity: string) {
  const stop = new AbortController();
  const leads = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<void>();
  let isLeading = false;
  const ended = runAsLeader(cluster, { ...quick, identity, signal: stop.signal }, async (signal) => {
    isLeading = true;
    leads.resolve();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    isLeading = false;
    lost.resolve();
  });
  return { leads: leads.promise, lost: lost.promise, ended, stop: () => stop.abort(), isLeading: () => isLeading };
}

describe("runAsLeader()", () => {
  it("lets one act, and the other only after the first has given up", async () => {
    await withCluster(async (cluster) => {
      const first = contend(cluster, "first");
      await first.leads;
      const second = contend(cluster, "second");
      const startedAt = performance.now();
      first.stop();
      await second.leads;
      assert.equal(first.isLeading(), false);
      // Given up, not run out: the successor need not wait for the lease's end.
      assert.ok(performance.now() - startedAt < 5_000);
      second.stop();
      await Promise.all([first.ended, second.ended]);
      const lease = (await cluster.get(resources.leases, key)) as Lease;
      assert.equal(lease.spec?.holderIdentity, "");
      assert.equal(lease.spec?.leaseTransitions, 1);
    });
  });
  it("stops acting when its lease was taken away", async () => {
    await withCluster(async (cluster) => {
      const holder = contend(cluster, "holder");
      await holder.leads;
      const spec = { holderIdentity: "thief", leaseDurationSeconds: 3_600, renewTime: "2026-11-24T10:00:00.000000Z" };
      await cluster.patch(resources.leases, key, { type: "merge", body: { spec } });
      await holder.lost;
      assert.equal(holder.isLeading(), false);
      holder.stop();
      await holder.ended;
      assert.equal((await cluster.get(resources.leases, key))?.spec?.holderIdentity, "thief");
    });
  });
});
