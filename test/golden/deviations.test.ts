// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AnyObject } from "@serval/api";
import type { Recording } from "./case.ts";
import type { Difference } from "./compare.ts";
import { type Deviation, judge, matches, readDeviations, staleDeviations } from "./deviations.ts";

const object = {
  apiVersion: "v1",
  kind: "X",
  metadata: { name: "a", generation: 3 },
  spec: { n: 1, m: [1], c: [{ type: "A" }, { type: "B", is: 2, more: 3 }] },
} as AnyObject;
const recording: Recording = {
  steps: [{ objects: { "X/a": object }, refusals: [{ object: "X/a", message: "no\n  SV1 fix" }], warnings: [] }],
  events: [],
};
const difference = (more: Partial<Difference> = {}): Difference => ({
  step: 0,
  object: "X/a",
  field: "spec.n",
  ours: 1,
  theirs: 2,
  ...more,
});
const entry = (more: Partial<Deviation> = {}): Deviation => ({
  case: "c-*",
  object: "X/*",
  field: "spec.n",
  reason: "decision 1",
  text: "because",
  ...more,
});

const cases = [
  { what: "passes without a difference", differences: [], entries: [entry()], result: "passed" },
  { what: "fails without an entry", differences: [difference()], entries: [], result: "failed" },
  { what: "deviates where an entry covers all", differences: [difference()], entries: [entry()], result: "deviating" },
  {
    what: "fails where one difference is left",
    differences: [difference(), difference({ field: "spec.other" })],
    entries: [entry()],
    result: "failed",
  },
  {
    what: "fails for an entry of another case",
    differences: [difference()],
    entries: [entry({ case: "d" })],
    result: "failed",
  },
  {
    what: "fails for an entry of another object",
    differences: [difference()],
    entries: [entry({ object: "Y/*" })],
    result: "failed",
  },
  {
    what: "fails for an entry of another home",
    differences: [difference()],
    entries: [entry({ homes: ["cluster"] })],
    result: "failed",
  },
  {
    what: "deviates with the expected value",
    differences: [difference()],
    entries: [entry({ expected: 1 })],
    result: "deviating",
  },
  {
    what: "fails with another value than expected",
    differences: [difference()],
    entries: [entry({ expected: 5 })],
    result: "failed",
  },
  {
    what: "fails with another value than the narrower entry expects",
    differences: [difference()],
    entries: [entry({ field: "*" }), entry({ expected: 5 })],
    result: "failed",
  },
  {
    what: "deviates with the object's own generation",
    differences: [difference({ ours: 3 })],
    entries: [entry({ expected: "<generation>" })],
    result: "deviating",
  },
  {
    what: "fails with another number than the generation",
    differences: [difference({ ours: 4 })],
    entries: [entry({ expected: "<generation>" })],
    result: "failed",
  },
  {
    what: "deviates with the expected outcome",
    differences: [difference()],
    entries: [entry({ outcome: { refusals: ["no"], objects: ["X/a"], match: { "X/a": { spec: { n: 1 } } } } })],
    result: "deviating",
  },
  {
    what: "deviates with a part of a named item of the outcome's",
    differences: [],
    entries: [entry({ outcome: { refusals: ["no"], match: { "X/a": { spec: { c: [{ type: "B", is: 2 }] } } } } })],
    result: "deviating",
  },
  {
    what: "fails with another part of a named item than the outcome's",
    differences: [],
    entries: [entry({ outcome: { refusals: ["no"], match: { "X/a": { spec: { c: [{ type: "B", is: 1 }] } } } } })],
    result: "failed",
  },
  {
    what: "fails without an item that the outcome names",
    differences: [],
    entries: [entry({ outcome: { refusals: ["no"], match: { "X/a": { spec: { c: [{ type: "C", is: 1 }] } } } } })],
    result: "failed",
  },
  {
    what: "fails with another refusal than the outcome's",
    differences: [],
    entries: [entry({ outcome: { refusals: [] } })],
    result: "failed",
  },
  {
    what: "fails with other objects than the outcome's",
    differences: [],
    entries: [entry({ outcome: { refusals: ["no"], objects: [] } })],
    result: "failed",
  },
  {
    what: "fails with another field than the outcome's",
    differences: [],
    entries: [entry({ outcome: { refusals: ["no"], match: { "X/a": { spec: { m: [] } } } } })],
    result: "failed",
  },
] as const;

const judged = (entries: readonly Deviation[], differences: readonly Difference[]) =>
  judge({ name: "c-1", home: "embedded", recording, differences, deviations: entries });

describe("judge()", () => {
  for (const { what, differences, entries, result } of cases)
    it(what, () => assert.equal(judged(entries, differences).result, result));
});

describe("staleDeviations()", () => {
  it("names entries whose cases ran and that covered nothing", () => {
    const [used, stale, other] = [entry(), entry({ field: "spec.gone" }), entry({ case: "not-run" })];
    const all = [used, stale, other];
    assert.deepEqual(staleDeviations(all, [judged(all, [difference()])], "embedded"), [stale]);
  });
});

describe("matches()", () => {
  for (const [pattern, text, is] of [
    ["*", "any/thing", true],
    ["raw-*-x", "raw-a-x", true],
    ["raw-*-x", "raw-a-y", false],
    ["a.b[c]", "a.b[c]", true],
    ["a.b", "axb", false],
    ["", "", true],
    ["", "spec", false],
  ] as const)
    it(`${pattern || "(nothing)"} ${is ? "is" : "is not"} ${text || "(nothing)"}`, () =>
      assert.equal(matches(pattern, text), is));
});

describe("deviations.yaml", () => {
  it("has a case, an object, a field and a reason in every entry", () => assert.ok(readDeviations().length > 0));
});
