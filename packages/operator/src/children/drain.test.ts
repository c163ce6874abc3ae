// SPDX-License-Identifier: Apache-2.0
// What served requests goes only some time after the routes to it.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "@serval/api";
import { createDrain } from "./drain.ts";

const object = (kind: string): KubeObject => ({ apiVersion: "v1", kind, metadata: { name: "x" } });
const deployment = object("Deployment");
const autoscaler = object("HorizontalPodAutoscaler");

function drainAt(drainMs?: number) {
  const clock = { ms: 1_000_000 };
  return { clock, drain: createDrain(() => new Date(clock.ms), drainMs) };
}

describe("createDrain()", () => {
  it("holds a workload back after a route was written, and lets it go when the time is over", () => {
    const { clock, drain } = drainAt();
    assert.deepEqual(drain.due("a", [deployment, autoscaler], true), [autoscaler]);
    assert.equal(drain.waitMs("a"), 2_000);
    clock.ms += 1_999;
    assert.deepEqual(drain.due("a", [deployment], false), []);
    assert.equal(drain.waitMs("a"), 1);
    clock.ms += 1;
    assert.deepEqual(drain.due("a", [deployment], false), [deployment]);
    assert.equal(drain.waitMs("a"), 0);
  });

  it("begins again when another route is written meanwhile", () => {
    const { clock, drain } = drainAt();
    drain.due("a", [deployment], true);
    clock.ms += 1_500;
    assert.deepEqual(drain.due("a", [deployment], true), []);
    assert.equal(drain.waitMs("a"), 2_000);
  });

  it("deletes at once what no route changed for, and without a time to wait", () => {
    assert.deepEqual(drainAt().drain.due("a", [deployment], false), [deployment]);
    assert.deepEqual(drainAt(0).drain.due("a", [deployment], true), [deployment]);
  });

  it("waits no longer when the clock goes back an hour, and no less than nothing when it goes ahead", () => {
    const { clock, drain } = drainAt();
    drain.due("a", [deployment], true);
    clock.ms -= 3_600_000;
    assert.deepEqual(drain.due("a", [deployment], false), []);
    assert.equal(drain.waitMs("a"), 2_000);
    clock.ms -= 3_600_000;
    assert.equal(drain.waitMs("a"), 2_000);
    clock.ms += 7_200_000;
    assert.deepEqual(drain.due("a", [deployment], false), [deployment]);
  });

  it("keeps services apart and forgets one that is gone", () => {
    const { drain } = drainAt();
    drain.due("a", [deployment], true);
    assert.deepEqual(drain.due("b", [deployment], false), [deployment]);
    drain.forget("a");
    assert.equal(drain.waitMs("a"), 0);
  });
});
