// SPDX-License-Identifier: Apache-2.0
// The schemas that cases are made for: Kubernetes' own kinds, and random structural schemas as a CRD has them.
import { readFileSync } from "node:fs";
import type { Schema, TypeSchema } from "@serval/kube/schema/schema.ts";
import type { Random } from "./random.ts";

const file = new URL("../../packages/api/src/core/kubernetes-schemas.gen.json", import.meta.url);

export const definitions = (): Record<string, Schema> => JSON.parse(readFileSync(file, "utf8"));

export interface BuiltIn {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export const builtIns: readonly BuiltIn[] = [
  { name: "io.k8s.api.apps.v1.Deployment", group: "apps", version: "v1", kind: "Deployment" },
  { name: "io.k8s.api.core.v1.Pod", group: "", version: "v1", kind: "Pod" },
  { name: "io.k8s.api.core.v1.Service", group: "", version: "v1", kind: "Service" },
  { name: "io.k8s.api.core.v1.ConfigMap", group: "", version: "v1", kind: "ConfigMap" },
  { name: "io.k8s.api.core.v1.Node", group: "", version: "v1", kind: "Node" },
  { name: "io.k8s.api.core.v1.ServiceAccount", group: "", version: "v1", kind: "ServiceAccount" },
];

/** As a kube-apiserver publishes them: each required scalar with Go's zero value as its default, `$ref`s as pointers. */
export function publishedDefinitions(all: Record<string, Schema>): Record<string, Schema> {
  const published = JSON.parse(
    JSON.stringify(all, (key, value) =>
      key === "$ref" && typeof value === "string" ? `#/definitions/${value}` : value,
    ),
  );
  for (const schema of Object.values<Schema>(published)) {
    for (const name of schema.required ?? []) {
      const property = schema.properties?.[name];
      if (property === undefined || property.default !== undefined) continue;
      if (property.type === "string") property.default = "";
      if (property.type === "integer") property.default = 0;
    }
  }
  return published;
}

const names = ["a", "b", "c", "d", "e"];

/** Random schemas; `root` makes one for a whole object. */
export class Schemas {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  root(): Schema {
    const properties = { spec: this.#object(0), status: this.#object(1) };
    return {
      type: "object",
      properties: {
        apiVersion: { type: "string" },
        kind: { type: "string" },
        metadata: { type: "object" },
        ...properties,
      },
      ...(this.#random.chance(0.3) ? { required: ["spec"] } : {}),
    };
  }

  #any(depth: number): Schema {
    const kind = this.#random.int(depth > 3 ? 5 : 9);
    let schema: Schema;
    if (kind === 0) schema = this.#string();
    else if (kind === 1) schema = this.#number();
    else if (kind === 2) schema = { type: "boolean", ...this.#default([true, false]) };
    else if (kind === 3) schema = { "x-kubernetes-int-or-string": true, ...this.#default([1, "a"]) };
    else if (kind === 4) schema = { type: "string", ...this.#default(["a", "b"]) };
    else if (kind === 5) schema = this.#map(depth);
    else if (kind === 6) schema = this.#object(depth + 1);
    else schema = this.#list(depth);
    if (this.#random.chance(0.15)) schema.nullable = true;
    return schema;
  }

  #default(values: readonly unknown[]): Schema {
    return this.#random.chance(0.3) ? { default: this.#random.pick(values) } : {};
  }

  #string(): Schema {
    const variants: Schema[] = [
      { enum: ["a", "b"] },
      { pattern: "^[a-b]+$" },
      { minLength: 2 },
      { maxLength: 1 },
      {
        format: this.#random.pick([
          "date-time",
          "date",
          "byte",
          "ipv4",
          "ipv6",
          "cidr",
          "uuid",
          "hostname",
          "uri",
          "email",
          "duration",
          "odd",
        ]),
      },
      { anyOf: [{ pattern: "^a" }, { minLength: 3 }] },
      { not: { pattern: "b" } },
    ];
    return { type: "string", ...this.#random.pick(variants), ...this.#default(["a"]) };
  }

  #number(): Schema {
    const variants: Schema[] = [
      {},
      { minimum: 1, exclusiveMinimum: this.#random.chance(0.5) },
      { maximum: 2, exclusiveMaximum: this.#random.chance(0.5) },
      { multipleOf: 2 },
      { enum: [1, 2] },
      { oneOf: [{ minimum: 1 }, { maximum: 1 }] },
      { allOf: [{ minimum: 1 }, { maximum: 2 }] },
    ];
    const type = this.#random.pick(["integer", "number"] as const);
    return { type, ...this.#random.pick(variants), ...this.#default([1, 2]) };
  }

  #map(depth: number): Schema {
    const schema: Schema = {
      type: "object",
      additionalProperties: this.#random.chance(0.9) ? this.#any(depth + 1) : true,
    };
    if (this.#random.chance(0.2)) schema["x-kubernetes-map-type"] = this.#random.pick(["atomic", "granular"]);
    if (this.#random.chance(0.2)) schema.minProperties = 1;
    if (this.#random.chance(0.2)) schema.maxProperties = 2;
    if (this.#random.chance(0.1)) schema.default = {};
    return schema;
  }

  #object(depth: number): Schema {
    const chosen = this.#random.shuffled(names).slice(0, 1 + this.#random.int(4));
    const schema: Schema = {
      type: "object",
      properties: Object.fromEntries(chosen.map((name) => [name, this.#any(depth + 1)])),
    };
    if (this.#random.chance(0.2)) schema.required = chosen.slice(0, 1);
    if (this.#random.chance(0.15)) schema["x-kubernetes-preserve-unknown-fields"] = true;
    if (this.#random.chance(0.1)) schema["x-kubernetes-map-type"] = "atomic";
    if (this.#random.chance(0.1)) schema.default = {};
    if (depth > 0 && this.#random.chance(0.1)) schema["x-kubernetes-embedded-resource"] = true;
    if (this.#random.chance(0.1)) schema.oneOf = chosen.map((name) => ({ required: [name] }));
    return schema;
  }

  #list(depth: number): Schema {
    const kind = this.#random.int(3);
    const limits: Schema = this.#random.chance(0.2) ? { maxItems: 2 } : this.#random.chance(0.2) ? { minItems: 1 } : {};
    if (kind === 0) {
      const listType: Schema = this.#random.chance(0.5) ? { "x-kubernetes-list-type": "atomic" } : {};
      return { type: "array", items: this.#any(depth + 1), ...listType, ...limits };
    }
    if (kind === 1) {
      const items: Schema = this.#random.pick<Schema>([{ type: "string" }, { type: "integer" }, { type: "number" }]);
      return { type: "array", items, "x-kubernetes-list-type": "set", ...limits };
    }
    return this.#mapList(depth, limits);
  }

  #mapList(depth: number, limits: Schema): Schema {
    const items = this.#object(depth + 1);
    delete items["x-kubernetes-embedded-resource"];
    delete items["x-kubernetes-map-type"];
    const keys = this.#random.chance(0.7) ? ["k"] : ["k", "l"];
    for (const key of keys) {
      const type = this.#random.pick(["string", "integer"] as const);
      items.properties![key] = { type, ...(this.#random.chance(0.3) ? { default: type === "string" ? "a" : 1 } : {}) };
    }
    return { type: "array", items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys, ...limits };
  }
}

export const group = "oracle.serval.dev";
export const kind = "Case";
export const versions = ["v1", "v2"];

export const crdType = (root: Schema): TypeSchema => ({ root, definitions: {} });

/** The CRD that gives the Go side the same schema, in two versions of one shape. */
export const crdOf = (root: Schema): unknown => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `cases.${group}` },
  spec: {
    group,
    scope: "Namespaced",
    names: { plural: "cases", singular: "case", kind, listKind: "CaseList" },
    versions: versions.map((name, index) => ({
      name,
      served: true,
      storage: index === 0,
      schema: { openAPIV3Schema: root },
    })),
  },
});
