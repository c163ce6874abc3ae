// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { AnyObject } from "@serval/api";
import type { ApplyInput } from "../contract.ts";
import { fieldSetOf, keepTimesIfUnchanged, PatchError, pathsOf, serverSideApply, trackUpdate } from "../index.ts";
import { elementText } from "../path-element.ts";

const file = new URL("../../../../api/src/core/kubernetes-schemas.gen.json", import.meta.url);
const definitions = JSON.parse(readFileSync(file, "utf8"));
const type = { root: definitions["io.k8s.api.apps.v1.Deployment"], definitions };

const deployment = (spec: object, metadata: object = {}): AnyObject =>
  ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "ns", ...metadata },
    spec,
  }) as AnyObject;

const container = (fields: object) => ({ template: { spec: { containers: [{ name: "c", ...fields }] } } });

const apply = (applied: AnyObject, options: Partial<ApplyInput> = {}) =>
  serverSideApply({ applied, type, manager: "a", force: false, now: new Date("2026-01-01T00:00:00.700Z"), ...options });

const specOf = (object: AnyObject): unknown => object["spec"];
const managersOf = (object: AnyObject) =>
  object.metadata.managedFields?.map(({ manager, operation }) => `${manager} ${operation}`);

describe("serverSideApply()", () => {
  it("creates the object and records who owns which field, in Kubernetes' order", () => {
    const { object } = apply(deployment({ replicas: 2, ...container({ ports: [{ containerPort: 80 }] }) }));
    const entry = object.metadata.managedFields![0]!;
    assert.deepEqual(
      { ...entry, fieldsV1: undefined },
      {
        manager: "a",
        operation: "Apply",
        apiVersion: "apps/v1",
        time: "2026-01-01T00:00:00Z",
        fieldsType: "FieldsV1",
        fieldsV1: undefined,
      },
    );
    assert.equal(
      JSON.stringify(entry.fieldsV1),
      '{"f:spec":{"f:replicas":{},"f:template":{"f:spec":{"f:containers":{"k:{\\"name\\":\\"c\\"}":{".":{},"f:name":{},"f:ports":{"k:{\\"containerPort\\":80,\\"protocol\\":\\"TCP\\"}":{".":{},"f:containerPort":{}}}}}}}}}',
    );
  });

  it("refuses to change another manager's field, and names both", () => {
    const { object } = apply(deployment({ replicas: 2 }));
    const { conflicts, message } = apply(deployment({ replicas: 3 }), { live: object, manager: "b" });
    assert.deepEqual(conflicts, [
      { reason: "FieldManagerConflict", message: 'conflict with "a"', field: ".spec.replicas" },
    ]);
    assert.equal(message, 'Apply failed with 1 conflict: conflict with "a": .spec.replicas');
  });

  it("says through which version an updater came to own a field", () => {
    const { object } = apply(deployment({ replicas: 2 }));
    const next = deployment({ replicas: 5 }, object.metadata);
    const managedFields = trackUpdate({ live: object, next, type, manager: "kubectl-edit", now: new Date() });
    const live = { ...next, metadata: { ...next.metadata, managedFields } } as AnyObject;
    const { message } = apply(deployment({ replicas: 2 }), { live });
    assert.equal(message, 'Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1: .spec.replicas');
  });

  it("takes the field over when forced, and the loser's entry goes when nothing is left of it", () => {
    const { object } = apply(deployment({ replicas: 2 }));
    const forced = apply(deployment({ replicas: 3 }), { live: object, manager: "b", force: true }).object;
    assert.deepEqual(managersOf(forced), ["b Apply"]);
    assert.deepEqual(specOf(forced), { replicas: 3 });
  });

  it("removes a field that its only owner stops sending, and keeps one that somebody else sends, too", () => {
    const first = apply(deployment({ replicas: 2, paused: true })).object;
    const second = apply(deployment({ replicas: 2 }), { live: first, manager: "b" }).object;
    assert.deepEqual(managersOf(second), ["b Apply", "a Apply"]); // b changed nothing: its entry has no time and comes first
    assert.deepEqual(specOf(apply(deployment({ minReadySeconds: 1 }), { live: second }).object), {
      replicas: 2,
      minReadySeconds: 1,
    });
  });

  it("removes one item of a list and leaves the items of others", () => {
    const env = (...names: string[]) => deployment(container({ env: names.map((name) => ({ name, value: "1" })) }));
    const first = apply(env("A", "B")).object;
    const second = apply(env("C"), { live: first, manager: "b" }).object;
    const third = apply(env("A"), { live: second }).object;
    assert.deepEqual(specOf(third), specOf(env("A", "C")));
  });

  it("keeps the time of an entry when nothing changes", () => {
    const { object } = apply(deployment({ replicas: 2 }));
    const again = apply(deployment({ replicas: 2 }), { live: object, now: new Date("2027-01-01T00:00:00Z") }).object;
    assert.deepEqual(again, object);
  });

  it("gives the fields of an untracked object to before-first-apply", () => {
    const live = deployment({ replicas: 1, paused: true }, { uid: "u" });
    const { object } = apply(deployment({ minReadySeconds: 1 }), { live });
    assert.deepEqual(managersOf(object), ["a Apply", "before-first-apply Update"]);
  });

  it("keeps one entry per subresource, and ignores what the endpoint resets", () => {
    const withStatus = { ...deployment({ replicas: 1 }), status: { replicas: 1 } } as AnyObject;
    const { object } = apply(withStatus, { reset: [["status"]] });
    assert.deepEqual(Object.keys(object.metadata.managedFields![0]!.fieldsV1!), ["f:spec"]);
    const status = { ...deployment({}), status: { replicas: 1 } } as AnyObject;
    const second = apply(status, { live: object, subresource: "status", reset: [["spec"]] }).object;
    assert.deepEqual(
      second.metadata.managedFields!.map(({ subresource }) => subresource),
      ["status", undefined],
    );
  });

  const refusals = [
    {
      name: "managedFields in the configuration",
      object: deployment({}, { managedFields: [] }),
      code: 400,
      text: /metadata.managedFields must be nil/,
    },
    {
      name: "an unknown field",
      object: deployment({ odd: 1 }),
      code: 500,
      text: /\(ns\/web; apps\/v1, Kind=Deployment\): \.spec\.odd: field not declared in schema/,
    },
    {
      name: "a wrong type",
      object: deployment({ replicas: "2" }),
      code: 500,
      text: /\.spec\.replicas: expected numeric \(int or float\), got string/,
    },
    {
      name: "a list item twice",
      object: deployment({ template: { spec: { containers: [{ name: "c" }, { name: "c" }] } } }),
      code: 500,
      text: /duplicate entries for key \[name="c"\]/,
    },
    { name: "endless nesting", object: nested(100_000), code: 400, text: /nested too deeply/ },
  ];
  for (const { name, object, code, text } of refusals) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => apply(object),
        (error: unknown) => error instanceof PatchError && error.code === code && text.test(error.message),
      );
    });
  }

  it("treats __proto__ as an ordinary key", () => {
    const labels = JSON.parse('{"__proto__": "x", "constructor": "y"}');
    const { object } = apply(deployment({}, { labels }));
    assert.equal(JSON.stringify(object.metadata.labels), '{"__proto__":"x","constructor":"y"}');
    assert.equal(({} as { x?: unknown }).x, undefined);
  });
});

function nested(levels: number): AnyObject {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = { a: value };
  return deployment(value as object);
}

describe("trackUpdate()", () => {
  it("starts on create, and leaves untracked objects alone", () => {
    const next = deployment({ replicas: 1 });
    assert.equal(trackUpdate({ next, type, manager: "m", now: new Date() })?.[0]?.operation, "Update");
    assert.equal(
      trackUpdate({ live: deployment({}, { uid: "u" }), next, type, manager: "m", now: new Date() }),
      undefined,
    );
  });

  it("gives up on objects that do not fit their schema instead of failing the write", () => {
    assert.equal(trackUpdate({ next: deployment({ odd: 1 }), type, manager: "m", now: new Date() }), undefined);
  });
});

describe("keepTimesIfUnchanged()", () => {
  it("makes a write that only renews times the same object", () => {
    const { object } = apply(deployment({ replicas: 2 }));
    const entries = object.metadata.managedFields!.map((entry) => ({ ...entry, time: "2030-01-01T00:00:00Z" }));
    const next = { ...object, metadata: { ...object.metadata, managedFields: entries } };
    assert.deepEqual(keepTimesIfUnchanged(object, next), object);
    const changed = { ...next, spec: { replicas: 3 } } as AnyObject;
    assert.equal(keepTimesIfUnchanged(object, changed), changed);
  });
});

describe("fieldSetOf()", () => {
  it("lists leaves and list items", () => {
    const paths = [...pathsOf(fieldSetOf(deployment(container({ image: "i" })), type))].map((path) =>
      path.map(elementText).join(""),
    );
    assert.ok(paths.includes('.spec.template.spec.containers[name="c"]'));
    assert.ok(paths.includes('.spec.template.spec.containers[name="c"].image'));
    assert.ok(!paths.includes(".spec.template"));
  });
});
