// SPDX-License-Identifier: Apache-2.0
// Fills in defaults. Unchanged parts of the object are shared with the result.
// Semantics: apiextensions-apiserver pkg/apiserver/schema/defaulting.
import type { AnyObject } from "@serval/api";
import type { ApplyDefaults } from "../patch/contract.ts";
import { isMap, type JsonMap, ownValue, setKey } from "./json.ts";
import { resolveSchema, type Schema, type TypeSchema } from "./schema.ts";

export const applyDefaults: ApplyDefaults = (object, type) => withDefaults(object, type.root, type) as AnyObject;

type Definitions = Pick<TypeSchema, "definitions">;

/** A null where none is allowed counts as absent: its default takes the place, or nothing does. */
function withDefaults(value: unknown, given: Schema, type: Definitions): unknown {
  if (typeof value !== "object" || value === null) return value;
  const schema = resolveSchema(type, given);
  if (isMap(value)) return fieldsWithDefaults(value, schema, type);
  const { items } = schema;
  if (items === undefined || !Array.isArray(value)) return value;
  const next = value.map((item) =>
    withDefaults(item === null && !isNullable(items, type) ? defaultOf(items, type) : item, items, type),
  );
  return next.some((item, index) => item !== value[index]) ? next : value;
}

function fieldsWithDefaults(map: JsonMap, schema: Schema, type: Definitions): JsonMap {
  const { properties, additionalProperties } = schema;
  const out: JsonMap = {};
  let changed = false;
  for (const key in map) {
    const value = map[key];
    const property =
      ownValue(properties, key) ?? (typeof additionalProperties === "object" ? additionalProperties : undefined);
    if (property === undefined) {
      setKey(out, key, value);
      continue;
    }
    const isAbsent = value === null && !isNullable(property, type);
    const present = isAbsent ? defaultOf(property, type) : value;
    if (isAbsent) changed = true;
    if (isAbsent && present === null) continue;
    const next = withDefaults(present, property, type);
    changed ||= next !== value;
    setKey(out, key, next);
  }
  for (const key in properties) {
    if (Object.hasOwn(map, key)) continue;
    const fallback = defaultOf(properties[key]!, type);
    if (fallback === null) continue;
    setKey(out, key, withDefaults(fallback, properties[key]!, type));
    changed = true;
  }
  return changed ? out : map;
}

const isNullable = (schema: Schema, type: Definitions): boolean => resolveSchema(type, schema).nullable === true;

/** A copy: whoever changes the result must not change the schema. null: there is none. */
function defaultOf(schema: Schema, type: Definitions): unknown {
  const value = schema.default ?? resolveSchema(type, schema).default ?? null;
  return typeof value === "object" && value !== null ? structuredClone(value) : value;
}
