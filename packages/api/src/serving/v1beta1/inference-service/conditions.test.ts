// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ServingCondition } from "@serval/api/serving/component-schema.ts";
import { ConditionSet } from "./conditions.ts";

const before = new Date("2026-01-01T00:00:00Z");
const later = new Date("2026-01-01T00:01:00Z");

/** One reconcile of a service whose Deployment has no pod yet: `Ready` follows one dependent, then the other. */
function starting(conditions: readonly ServingCondition[], now: Date): ServingCondition[] {
  const set = new ConditionSet(conditions, now);
  set.initialise();
  set.mark("PredictorReady", { status: "False", reason: "MinimumReplicasUnavailable" });
  set.mark("IngressReady", { status: "False", reason: "Predictor Deployment NotReady" });
  return set.list();
}

describe("a set of conditions", () => {
  it("keeps every transition time when a reconcile ends as it began", () => {
    const first = starting([], before);
    assert.deepEqual(starting(first, later), first);
  });
  it("gives what changed a new one, and only that", () => {
    const set = new ConditionSet(starting([], before), later);
    set.mark("PredictorReady", { status: "True" });
    assert.equal(set.get("PredictorReady")?.lastTransitionTime, "2026-01-01T00:01:00Z");
    assert.equal(set.get("IngressReady")?.lastTransitionTime, "2026-01-01T00:00:00Z");
    assert.equal(set.get("Ready")?.reason, "Predictor Deployment NotReady");
  });
});
