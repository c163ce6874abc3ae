// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { annotations, type Deployment, type ManagedFieldsEntry } from "@serval/api";
import { canonical, markOf, type Standing, standingOf } from "./mark.ts";

const time = "2026-01-01T00:00:00Z";
const later = "2026-01-01T00:00:09Z";
const spec = (image: string, replicas?: number): Deployment["spec"] =>
  ({
    ...(replicas === undefined ? {} : { replicas }),
    selector: { matchLabels: { app: "a" } },
    template: { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image }] } },
  }) as unknown as Deployment["spec"];

const kserves = (fieldsV1: Record<string, unknown>, at = time): ManagedFieldsEntry => ({
  manager: "manager",
  operation: "Update",
  time: at,
  fieldsV1,
});
const ofMark: ManagedFieldsEntry = { manager: "serval-adoption", operation: "Apply", time, fieldsV1: {} };
const fields = { "f:spec": { "f:replicas": {}, "f:template": { "f:image": {} } } };

const deployment = (image: string, managedFields: ManagedFieldsEntry[], mark?: string): Deployment => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: {
    name: "d",
    managedFields,
    ...(mark === undefined ? {} : { annotations: { [annotations.adopted]: mark } }),
  },
  spec: spec(image, 3),
});

describe("a Deployment that KServe made", () => {
  const wanted: Deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "d" },
    spec: spec("ours:1"),
  };
  const next: Deployment = { ...wanted, spec: spec("ours:2") };
  const live = deployment("theirs", [kserves(fields)]);
  const mark = markOf(wanted, live);
  const marked = (entries: ManagedFieldsEntry[]): Deployment => deployment("theirs", [...entries, ofMark], mark);
  const rows: readonly [string, Deployment, Deployment, Standing][] = [
    ["is looked at first", live, wanted, "undecided"],
    ["stays while the same would be built", marked([kserves(fields)]), wanted, "kept"],
    [
      "stays when an autoscaler took its replicas",
      marked([kserves({ "f:spec": { "f:template": { "f:image": {} } } })]),
      wanted,
      "kept",
    ],
    [
      "stays with another number of replicas",
      marked([kserves(fields)]),
      { ...wanted, spec: spec("ours:1", 5) },
      "kept",
    ],
    ["is replaced when something else would be built", marked([kserves(fields)]), next, "outdated"],
    [
      "is replaced when somebody else changed a field of KServe's",
      marked([kserves({ "f:spec": {} })]),
      wanted,
      "outdated",
    ],
    ["is looked at again after KServe was at work again", marked([kserves(fields, later)]), next, "undecided"],
    [
      "is ours once we applied it",
      deployment("ours:1", [kserves(fields), { manager: "serval-operator", operation: "Apply" }]),
      wanted,
      "ours",
    ],
  ];
  for (const [name, stored, asked, expected] of rows) it(name, () => assert.equal(standingOf(stored, asked), expected));
});

describe("canonical text", () => {
  const rows: readonly [unknown, unknown, boolean][] = [
    [{ a: 1, b: [1, { c: 2, d: 3 }] }, { b: [1, { d: 3, c: 2 }], a: 1 }, true],
    [{ a: undefined }, {}, true],
    [[1, 2], [2, 1], false],
    [{ a: null }, {}, false],
    [{ a: "1" }, { a: 1 }, false],
  ];
  for (const [a, b, expected] of rows)
    it(`${canonical(a)} ${expected ? "equals" : "differs from"} ${canonical(b)}`, () =>
      assert.equal(canonical(a) === canonical(b), expected));
});
