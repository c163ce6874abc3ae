// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject, ManagedFieldsEntry } from "@serval/api";
import { givenBack, isMadeByKserve, isUsers, lastWrite, takenOver } from "./ownership.ts";

const time = "2026-01-01T00:00:00Z";
const entry = (
  manager: string,
  operation: "Apply" | "Update",
  fieldsV1: Record<string, unknown>,
  more: object = {},
): ManagedFieldsEntry => ({
  manager,
  operation,
  apiVersion: "apps/v1",
  time,
  fieldsType: "FieldsV1",
  fieldsV1,
  ...more,
});
const object = (...managedFields: ManagedFieldsEntry[]): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "d", managedFields },
});
const env = { "f:spec": { "f:template": { "f:env": { 'k:{"name":"A"}': { ".": {}, "f:value": {} } } } } };

describe("whose an object is", () => {
  const rows: readonly [string, ManagedFieldsEntry[], boolean][] = [
    ["KServe's", [entry("manager", "Update", env)], true],
    ["KServe's, of a build from its source", [entry("kserve-manager", "Update", env)], true],
    ["KServe's, adopted", [entry("manager", "Update", env), entry("serval-adoption", "Apply", {})], true],
    ["ours", [entry("serval-operator", "Apply", env)], false],
    [
      "ours, touched by another program called manager",
      [entry("serval-operator", "Apply", env), entry("manager", "Update", {})],
      false,
    ],
    ["of a status writer only", [entry("manager", "Update", {}, { subresource: "status" })], false],
    ["a user's", [entry("kubectl-edit", "Update", env)], false],
    ["nobody's", [], false],
  ];
  for (const [name, entries, expected] of rows)
    it(name, () => assert.equal(isMadeByKserve(object(...entries)), expected));
});

describe("fields that change hands", () => {
  const wanted = object();
  it("are ours by Apply, but for replicas, which stay nobody's", () => {
    const given = { "f:spec": { "f:replicas": {}, "f:template": {} }, "f:status": { "f:x": {} } };
    const status = entry("kube-controller-manager", "Update", { "f:status": {} }, { subresource: "status" });
    assert.deepEqual(takenOver([entry("manager", "Update", given), status], wanted), [
      status,
      entry("serval-operator", "Apply", { "f:spec": { "f:template": {} } }),
    ]);
  });
  it("join what we own already", () => {
    const [joined, ...rest] = takenOver(
      [entry("serval-operator", "Apply", { "f:metadata": { "f:labels": {} } }), entry("manager", "Update", env)],
      wanted,
    );
    assert.deepEqual(rest, []);
    assert.deepEqual(joined?.fieldsV1, { "f:metadata": { "f:labels": {} }, ...env });
  });
  it("of a custom resource leave the defaults in a section that we only open", () => {
    const section = {
      ...wanted,
      apiVersion: "opentelemetry.io/v1beta1",
      spec: { target: { cr: {}, kept: 1 } },
    } as KubeObject;
    const given = { "f:spec": { "f:target": { "f:cr": { "f:interval": {} }, "f:kept": {}, "f:gone": {} } } };
    const [moved] = takenOver([entry("manager", "Update", given)], section);
    assert.deepEqual(moved?.fieldsV1, { "f:spec": { "f:target": { "f:cr": {}, "f:gone": {}, "f:kept": {} } } });
  });
  it("come back as KServe's manager writes them, and are found again", () => {
    const back = givenBack([entry("serval-operator", "Apply", env), entry("kubectl", "Apply", {})]);
    assert.deepEqual(back, [entry("kubectl", "Apply", {}), entry("manager", "Update", env)]);
    assert.ok(isMadeByKserve(object(...back)));
  });
  it("stay where KServe has none", () => {
    const entries = [entry("kubectl", "Apply", env)];
    assert.deepEqual(takenOver(entries, wanted), entries);
  });
});

describe("when the owner was asked for", () => {
  const later = "2026-01-01T00:00:09Z";
  const rows: readonly [string, ManagedFieldsEntry[], number | undefined][] = [
    [
      "the newest of users",
      [entry("kubectl", "Apply", {}), entry("sdk", "Update", {}, { time: later })],
      Date.parse(later),
    ],
    [
      "not what KServe wrote",
      [entry("kubectl", "Apply", {}), entry("manager", "Update", {}, { time: later })],
      Date.parse(time),
    ],
    ["not a status", [entry("sdk", "Update", {}, { subresource: "status" })], undefined],
  ];
  for (const [name, entries, expected] of rows)
    it(name, () => assert.equal(lastWrite(object(...entries), isUsers), expected));
});
