// SPDX-License-Identifier: Apache-2.0
// Kubernetes' strategic merge patch: maps and lists merge as their schema says, directives in the patch say otherwise.
// @see https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
// Semantics: k8s.io/apimachinery pkg/util/strategicpatch (mergeMap).
import { copyMap, isMap, type JsonMap, ownValue, setKey, withoutNulls } from "../schema/json.ts";
import { resolveSchema, type Schema, type TypeSchema } from "../schema/schema.ts";
import type { StrategicMergePatch } from "./contract.ts";
import { goType, goValue } from "./go-format.ts";
import { badRequest, refuseDeepNesting, unexpected } from "./patch-error.ts";
import { type ListMerge, mergeList, mergeOrdered } from "./strategic-list.ts";

const marker = "$patch";
const retainKeys = "$retainKeys";
const deleteFromList = "$deleteFromPrimitiveList";
const setElementOrder = "$setElementOrder";

/** @throws PatchError for a directive that Kubernetes refuses, or a patch that does not fit the schema. */
export const strategicMergePatch: StrategicMergePatch = (original, patch, type) => {
  refuseDeepNesting("the strategic merge patch", patch);
  return new StrategicMerge(type).mergeMaps(original, patch, type.root);
};

class StrategicMerge {
  readonly #type: TypeSchema;

  constructor(type: TypeSchema) {
    this.#type = type;
  }

  mergeMaps(original: JsonMap, patch: JsonMap, schema: Schema): JsonMap {
    if (Object.hasOwn(patch, marker)) return handleMarker(patch);
    const out = applyRetainKeys(original, patch);
    const rest = this.#applyOrders(out, patch, schema);
    for (const key in rest) {
      if (key !== retainKeys) this.#mergeKey(out, { key, value: rest[key] }, schema);
    }
    return out;
  }

  #mergeKey(out: JsonMap, { key: patchKey, value }: { key: string; value: unknown }, schema: Schema): void {
    const isDeletion = patchKey.startsWith(deleteFromList);
    const key = isDeletion ? fieldOf(patchKey, deleteFromList, "invalid patch format of primitive list") : patchKey;
    if (value === null) {
      delete out[key];
      return;
    }
    const before = ownValue(out, key);
    if (goType(before) !== goType(value)) {
      if (!isDeletion) place(out, key, withoutDirectives(withoutNulls(value)));
    } else if (isMap(value)) {
      const field = this.#field(schema, key);
      const merged = field.strategy === "replace" ? value : this.mergeMaps(before as JsonMap, value, field.schema);
      setKey(out, key, merged);
    } else if (Array.isArray(value)) {
      setKey(
        out,
        key,
        this.#mergeLists(before as unknown[], value, { field: this.#listField(schema, key), isDeletion }),
      );
    } else {
      setKey(out, key, value);
    }
  }

  #mergeLists(
    original: unknown[],
    patch: unknown[],
    { field, isDeletion }: { field: Field; isDeletion: boolean },
  ): unknown[] {
    if (field.strategy !== "merge" && !isDeletion) return patch;
    return mergeList(original, patch, { ...this.#listMerge(field), isDeletion });
  }

  #listMerge({ schema, mergeKey }: Field): ListMerge {
    return {
      mergeKey,
      isDeletion: false,
      typeName: schema.type === "object" || schema.type === undefined ? "struct" : schema.type,
      mergeItems: (before, patch) => this.mergeMaps(before, patch, schema),
    };
  }

  /** Carries out the `$setElementOrder/…` directives; returns what of the patch is left to do. */
  #applyOrders(out: JsonMap, patch: JsonMap, schema: Schema): JsonMap {
    const rest = copyMap(patch);
    for (const directive in patch) {
      if (!directive.startsWith(setElementOrder)) continue;
      delete rest[directive];
      const order = patch[directive];
      if (!Array.isArray(order)) throw badType("[]interface {}", order);
      const key = fieldOf(directive, setElementOrder, "invalid patch format of setElementOrder list");
      const original = listIn(out, key);
      const items = listIn(rest, key);
      const field = this.#listField(schema, key);
      const merge = (before: unknown[], after: unknown[]): unknown[] =>
        this.#mergeLists(before, after, { field, isDeletion: false });
      const merged = mergeOrdered(
        { original, patch: items, order, mergeKey: field.mergeKey },
        merge,
        withoutDirectives,
      );
      if (merged === undefined) continue;
      setKey(out, key, merged);
      delete rest[key];
    }
    return rest;
  }

  #field(schema: Schema, key: string): Field {
    const parent = resolveSchema(this.#type, schema);
    const property = ownValue(parent.properties, key) ?? additional(parent);
    if (property === undefined) {
      const name = (schema.$ref ?? "").split(".").at(-1);
      throw unexpected(`unable to find api field in struct ${name} for the json field ${JSON.stringify(key)}`);
    }
    const strategies = (property["x-kubernetes-patch-strategy"] ?? "").split(",").filter((s) => s !== "retainKeys");
    return {
      schema: resolveSchema(this.#type, property),
      strategy: strategies[0] ?? "",
      mergeKey: property["x-kubernetes-patch-merge-key"] ?? "",
    };
  }

  /** As `#field`; its schema is that of the items. */
  #listField(schema: Schema, key: string): Field {
    const field = this.#field(schema, key);
    return { ...field, schema: resolveSchema(this.#type, field.schema.items ?? {}) };
  }
}

interface Field {
  readonly schema: Schema;
  readonly strategy: string;
  /** Empty: a list of scalars. */
  readonly mergeKey: string;
}

/** Maps with free keys, and objects without any declared field. */
function additional(schema: Schema): Schema | undefined {
  if (typeof schema.additionalProperties === "object") return schema.additionalProperties;
  return schema.properties === undefined ? {} : undefined;
}

const badType = (expected: string, actual: unknown): Error =>
  unexpected(`expected a ${expected}, but received a ${goType(actual)}`);

function handleMarker(patch: JsonMap): JsonMap {
  const directive = patch[marker];
  if (directive === "delete") return {};
  if (directive !== "replace") throw unexpected(`unknown patch type: ${goValue(directive)} in map: ${goValue(patch)}`);
  const { [marker]: _marker, ...content } = patch;
  return content;
}

/** `$retainKeys`: everything else goes; the patch may only set what it retains. */
function applyRetainKeys(original: JsonMap, patch: JsonMap): JsonMap {
  const keys = ownValue(patch, retainKeys);
  if (keys === undefined) return copyMap(original);
  if (!Array.isArray(keys)) throw badRequest("invalid patch format of retainKeys");
  for (const key in patch) {
    const exempt = key === retainKeys || key.startsWith(deleteFromList) || key.startsWith(setElementOrder);
    if (!exempt && patch[key] !== null && !keys.includes(key)) throw badRequest("invalid patch format of retainKeys");
  }
  const out: JsonMap = {};
  for (const key in original) if (keys.includes(key)) setKey(out, key, original[key]);
  return out;
}

function fieldOf(directive: string, prefix: string, refusal: string): string {
  if (!directive.startsWith(`${prefix}/`)) throw badRequest(refusal);
  return directive.slice(prefix.length + 1);
}

function listIn(map: JsonMap, key: string): unknown[] | undefined {
  if (!Object.hasOwn(map, key)) return undefined;
  const value = map[key];
  if (!Array.isArray(value)) throw badType("[]interface {}", value);
  return value;
}

function place(out: JsonMap, key: string, value: unknown): void {
  if (value === undefined) delete out[key];
  else setKey(out, key, value);
}

/** New parts of a patch: what a directive is about is not there. undefined: nothing is left. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isMap(value)) return value;
  if (Object.hasOwn(value, marker)) return undefined;
  const out: JsonMap = {};
  for (const key in value) {
    const kept = withoutDirectives(value[key]);
    if (kept !== undefined) setKey(out, key, kept);
  }
  return out;
}
