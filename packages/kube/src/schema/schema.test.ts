// SPDX-License-Identifier: Apache-2.0
// What the oracle does not cover: Kubernetes' own kinds, metadata, what is left unchecked, sharing, limits.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { AnyObject } from "@serval/api";
import { applyDefaults, prune, type Schema, unsupportedKeywords, validateSchema } from "./index.ts";

const file = new URL("../../../api/src/core/kubernetes-schemas.gen.json", import.meta.url);
const definitions = JSON.parse(readFileSync(file, "utf8"));
const pod = { root: definitions["io.k8s.api.core.v1.Pod"], definitions };
const custom = (spec: Schema) => ({ root: { type: "object", properties: { spec } } as Schema, definitions: {} });
const object = (fields: object): AnyObject =>
  ({ apiVersion: "v1", kind: "Pod", metadata: { name: "x" }, ...fields }) as AnyObject;

describe("prune()", () => {
  it("removes unknown fields of built-in kinds and says where they were", () => {
    const { object: pruned, unknown } = prune(object({ spec: { containers: [{ name: "c", odd: 1 }], odd: {} } }), pod);
    assert.deepEqual(unknown, ["spec.containers[0].odd", "spec.odd"]);
    assert.deepEqual(pruned, object({ spec: { containers: [{ name: "c" }] } }));
  });

  it("knows the fields of metadata, whatever a custom schema says", () => {
    const given = object({
      metadata: { name: "x", labels: { a: "b" }, odd: 1, managedFields: [{ fieldsV1: { "f:a": {} } }] },
    });
    const { object: pruned, unknown } = prune(given, custom({ type: "object" }));
    assert.deepEqual(unknown, ["metadata.odd"]);
    assert.deepEqual(pruned.metadata.managedFields, [{ fieldsV1: { "f:a": {} } }]);
  });

  it("returns the same object when nothing is unknown", () => {
    const given = object({ spec: { containers: [{ name: "c" }] } });
    assert.equal(prune(given, pod).object, given);
  });
});

describe("applyDefaults()", () => {
  const type = custom({
    type: "object",
    default: {},
    properties: { a: { type: "integer", default: 1 }, b: { type: "string" } },
  });

  it("fills defaults into defaults", () =>
    assert.deepEqual(applyDefaults(object({}), type), object({ spec: { a: 1 } })));
  it("takes null for absent", () =>
    assert.deepEqual(applyDefaults(object({ spec: { a: null, b: null } }), type), object({ spec: { a: 1 } })));
  it("returns the same object when nothing is missing", () => {
    const given = object({ spec: { a: 2 } });
    assert.equal(applyDefaults(given, type), given);
  });
  it("knows the protocol of ports", () => {
    const given = object({ spec: { containers: [{ name: "c", ports: [{ containerPort: 80 }] }] } });
    assert.deepEqual(applyDefaults(given, pod)["spec"], {
      containers: [{ name: "c", ports: [{ containerPort: 80, protocol: "TCP" }] }],
    });
  });
});

const findings = [
  {
    name: "quantities as numbers",
    fields: { spec: { containers: [{ name: "c", resources: { limits: { cpu: 1, memory: "1Gi" } } }] } },
    errors: [],
  },
  {
    name: "ports by name or number",
    fields: {
      spec: {
        containers: [
          { name: "c", livenessProbe: { httpGet: { port: "http" } }, readinessProbe: { httpGet: { port: 80 } } },
        ],
      },
    },
    errors: [],
  },
  { name: "a missing field", fields: { spec: {} }, errors: ["spec.containers: Required value"] },
  {
    name: "a wrong type",
    fields: { spec: { containers: [{ name: 1 }] } },
    errors: [
      'spec.containers[0].name: Invalid value: "integer": spec.containers[0].name in body must be of type string: "integer"',
    ],
  },
  {
    name: "a list key twice",
    fields: { spec: { containers: [{ name: "c" }, { name: "c" }] } },
    errors: ['spec.containers[1]: Duplicate value: {"name":"c"}'],
  },
];

describe("validateSchema() of a pod", () => {
  for (const { name, fields, errors } of findings) {
    it(name, () => {
      assert.deepEqual(
        validateSchema(object(fields), pod).map(({ path, message }) => `${path}: ${message}`),
        errors,
      );
    });
  }

  it("refuses endless nesting with a finding", () => {
    let value: unknown = {};
    for (let i = 0; i < 100_000; i++) value = { a: value };
    assert.match(validateSchema(object({ spec: value }), pod)[0]!.message, /nested too deeply/);
  });
});

describe("unsupportedKeywords()", () => {
  it("says what nobody checks", () => {
    const rules = [{ rule: "self.a > 1" }, { rule: "self.b > 1" }];
    const type = custom({
      type: "array",
      items: { type: "object", "x-kubernetes-validations": rules, properties: { a: { pattern: "(?<a>" } } },
    });
    assert.deepEqual(unsupportedKeywords(type), [
      { path: "spec[]", keyword: "x-kubernetes-validations", count: 2 },
      { path: "spec[].a", keyword: "pattern", count: 1 },
    ]);
  });
});
