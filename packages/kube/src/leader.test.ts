// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Lease } from "@serval/api";
import { claimLease } from "./leader.ts";

const now = new Date("2026-11-24T10:00:20Z");
const lease = (holderIdentity: string | undefined, transitions = 3): Lease => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "lock", namespace: "kserve", resourceVersion: "7" },
  spec: {
    holderIdentity,
    leaseDurationSeconds: 15,
    acquireTime: "2026-11-24T09:00:00.000000Z",
    renewTime: "2026-11-24T10:00:10.000000Z",
    leaseTransitions: transitions,
  },
});
const claim = (found: Lease | undefined, seenMsAgo: number) =>
  claimLease(found, {
    namespace: "kserve",
    name: "lock",
    identity: "me",
    leaseMs: 15_000,
    now,
    heardMsAgo: seenMsAgo,
  });

describe("claimLease()", () => {
  const cases = [
    { name: "takes a lease that nobody made", found: undefined, seenMsAgo: 0, transitions: 0 },
    { name: "renews its own without a transition", found: lease("me"), seenMsAgo: 0, transitions: 3 },
    { name: "takes one that was given up", found: lease(""), seenMsAgo: 0, transitions: 4 },
    {
      name: "takes one whose holder was not heard of for its duration",
      found: lease("other"),
      seenMsAgo: 15_001,
      transitions: 4,
    },
  ];
  for (const { name, found, seenMsAgo, transitions } of cases) {
    it(name, () => {
      const next = claim(found, seenMsAgo);
      assert.equal(next?.spec?.holderIdentity, "me");
      assert.equal(next?.spec?.leaseTransitions, transitions);
    });
  }
  it("leaves a living holder alone, whatever the holder's clock says", () => {
    assert.equal(claim(lease("other"), 14_000), undefined);
  });
  it("keeps the time of acquisition when it renews", () => {
    assert.equal(claim(lease("me"), 0)?.spec?.acquireTime, "2026-11-24T09:00:00.000000Z");
  });
});
