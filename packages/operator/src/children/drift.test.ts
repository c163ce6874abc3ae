// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "@serval/api";
import { needsApply } from "./drift.ts";

const object = (spec: object, fieldsV1: object | null = {}): KubeObject =>
  ({
    apiVersion: "v1",
    kind: "X",
    metadata: {
      name: "a",
      ...(fieldsV1 === null ? {} : { managedFields: [{ manager: "me", operation: "Apply", fieldsV1 }] }),
    },
    spec,
  }) as unknown as KubeObject;
const wanted = (spec: object): KubeObject =>
  ({ apiVersion: "v1", kind: "X", metadata: { name: "a" }, spec }) as unknown as KubeObject;

const cases = [
  { name: "an object that is not there", spec: { a: 1 }, stored: undefined, apply: true },
  { name: "an equal object", spec: { a: 1 }, stored: object({ a: 1 }), apply: false },
  { name: "defaults of the server", spec: { a: 1 }, stored: object({ a: 1, b: 2 }), apply: false },
  { name: "a hand edit", spec: { a: 1 }, stored: object({ a: 2 }), apply: true },
  {
    name: "a quantity in another spelling",
    spec: { limits: { cpu: "1000m" } },
    stored: object({ limits: { cpu: "1" } }),
    apply: false,
  },
  { name: "a text that only looks equal", spec: { value: "1.0" }, stored: object({ value: "1" }), apply: true },
  {
    name: "an item that someone added",
    spec: { env: [{ name: "a" }] },
    stored: object({ env: [{ name: "b" }, { name: "a" }] }),
    apply: false,
  },
  {
    name: "a field that we no longer want",
    spec: { a: 1 },
    stored: object({ a: 1, b: 2 }, { "f:spec": { "f:b": {} } }),
    apply: true,
  },
  {
    name: "a list item that we no longer want",
    spec: { env: [{ name: "a" }] },
    stored: object(
      { env: [{ name: "a" }, { name: "b" }] },
      { "f:spec": { "f:env": { 'k:{"name":"b"}': { ".": {} } } } },
    ),
    apply: true,
  },
  { name: "an object that another controller made", spec: { a: 1 }, stored: object({ a: 1 }, null), apply: true },
];

describe("needsApply()", () => {
  for (const { name, spec, stored, apply } of cases)
    it(`${apply ? "applies" : "leaves"} ${name}`, () => assert.equal(needsApply(wanted(spec), stored, "me"), apply));
});
