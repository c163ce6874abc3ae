// SPDX-License-Identifier: Apache-2.0
// Removes what a schema does not know. Unchanged parts of the object are shared with the result.
// Semantics: apiextensions-apiserver pkg/apiserver/schema/pruning (and objectmeta, for metadata).
import type { AnyObject } from "@serval/api";
import type { Prune } from "../patch/contract.ts";
import { type JsonMap, ownValue, setKey } from "./json.ts";
import { objectMetaSchema } from "./object-meta.ts";
import { resolveSchema, type Schema, type TypeSchema } from "./schema.ts";

export const prune: Prune = (object, type) => {
  const walk = new PruneWalk(type);
  const pruned = walk.visit(object, { ...resolveSchema(type, type.root), "x-kubernetes-embedded-resource": true }, "");
  return { object: pruned as AnyObject, unknown: walk.unknown.sort() };
};

const metaFields = new Set(["apiVersion", "kind", "metadata"]);
const nothingKnown: Schema = {};

class PruneWalk {
  readonly unknown: string[] = [];
  readonly #type: TypeSchema;

  constructor(type: TypeSchema) {
    this.#type = type;
  }

  visit(value: unknown, given: Schema, path: string): unknown {
    if (typeof value !== "object" || value === null) return value;
    const schema = resolveSchema(this.#type, given);
    if (isFreeForm(given, schema)) return value;
    if (Array.isArray(value)) return this.#items(value, schema, path);
    return this.#fields(value as JsonMap, schema, path);
  }

  #items(list: unknown[], schema: Schema, path: string): unknown[] {
    // Below x-kubernetes-preserve-unknown-fields, lists stay as they are unless they say what their items are.
    const preserved = schema["x-kubernetes-preserve-unknown-fields"] === true;
    if (preserved && schema.items === undefined) return list;
    const items = preserved
      ? { ...schema.items, "x-kubernetes-preserve-unknown-fields": true }
      : (schema.items ?? nothingKnown);
    const next = list.map((item, index) => this.visit(item, items, `${path}[${index}]`));
    return next.some((item, index) => item !== list[index]) ? next : list;
  }

  #fields(map: JsonMap, schema: Schema, path: string): JsonMap {
    const preserve = schema["x-kubernetes-preserve-unknown-fields"] === true;
    const embedded = schema["x-kubernetes-embedded-resource"] === true;
    const out: JsonMap = {};
    let changed = false;
    for (const key in map) {
      const at = path === "" ? key : `${path}.${key}`;
      const isMeta = embedded && metaFields.has(key);
      const known = isMeta ? metaSchema(key) : (ownValue(schema.properties, key) ?? additional(schema));
      if (known === undefined && !preserve) {
        this.unknown.push(at);
        changed = true;
        continue;
      }
      const next = known === undefined ? map[key] : this.visit(map[key], known, at);
      changed ||= next !== map[key];
      setKey(out, key, next);
    }
    return changed ? out : map;
  }
}

/** metadata is pruned by its own schema, whatever the object's schema says about it. */
const metaSchema = (key: string): Schema => (key === "metadata" ? objectMetaSchema : { type: "string" });

/** `additionalProperties: true`: the key is known, but nothing below it is. */
function additional({ additionalProperties }: Schema): Schema | undefined {
  if (additionalProperties === undefined) return undefined;
  return typeof additionalProperties === "object" ? additionalProperties : nothingKnown;
}

/** Definitions of Kubernetes that stand for any JSON (FieldsV1, JSON): they say nothing of their content. */
const isFreeForm = (given: Schema, { properties, additionalProperties, items }: Schema): boolean =>
  given.$ref !== undefined && properties === undefined && additionalProperties === undefined && items === undefined;
