// SPDX-License-Identifier: Apache-2.0
// `x-kubernetes-list-type`: sets and maps must not hold an item twice.
// Semantics: apiextensions-apiserver pkg/apiserver/schema/listtype.
import type { FieldError } from "../patch/contract.ts";
import { goJson, goNumber, goQuote } from "../patch/go-format.ts";
import { isMap, type JsonMap, ownValue } from "./json.ts";
import { resolveSchema, type Schema, type TypeSchema } from "./schema.ts";

export const listTypeErrors = (object: unknown, type: TypeSchema): FieldError[] => [
  ...inValue(object, type.root, { path: "", type }),
];

interface Place {
  readonly path: string;
  readonly type: Pick<TypeSchema, "definitions">;
}

function* inValue(value: unknown, given: Schema, { path, type }: Place): Generator<FieldError> {
  if (typeof value !== "object" || value === null) return;
  const schema = resolveSchema(type, given);
  if (Array.isArray(value)) {
    if (schema["x-kubernetes-list-type"] === "set") yield* duplicates(value, value, path);
    if (schema["x-kubernetes-list-type"] === "map")
      yield* mapDuplicates(value, schema["x-kubernetes-list-map-keys"] ?? [], path);
    if (schema.items === undefined) return;
    for (const [index, item] of value.entries())
      yield* inValue(item, schema.items, { path: `${path}[${index}]`, type });
    return;
  }
  const { additionalProperties } = schema;
  for (const [key, field] of Object.entries(value)) {
    if (typeof additionalProperties === "object")
      yield* inValue(field, additionalProperties, { path: `${path}[${key}]`, type });
    const property = ownValue(schema.properties, key);
    if (property !== undefined) yield* inValue(field, property, { path: path === "" ? key : `${path}.${key}`, type });
  }
}

const shown = (value: unknown): string =>
  typeof value === "string" ? goQuote(value) : typeof value === "number" ? goNumber(value) : goJson(value);

/** Each value that occurs again is reported once, where it occurs the second time. */
function* duplicates(keys: readonly unknown[], values: readonly unknown[], path: string): Generator<FieldError> {
  const times = new Map<string, number>();
  for (const [index, key] of keys.entries()) {
    const text = goJson(key);
    times.set(text, (times.get(text) ?? 0) + 1);
    if (times.get(text) === 2) {
      yield {
        path: `${path}[${index}]`,
        reason: "FieldValueDuplicate",
        message: `Duplicate value: ${shown(values[index])}`,
      };
    }
  }
}

function* mapDuplicates(list: readonly unknown[], names: readonly string[], path: string): Generator<FieldError> {
  const stranger = list.findIndex((item) => item !== null && !isMap(item));
  if (stranger !== -1) {
    const message = `Invalid value: ${shown(list[stranger])}: must be an object for an array of list-type map`;
    yield { path: `${path}[${stranger}]`, reason: "FieldValueInvalid", message };
    return;
  }
  const keys = list.map((item) => keyOf(item as JsonMap | null, names));
  yield* duplicates(keys, keys, path);
}

const keyOf = (item: JsonMap | null, names: readonly string[]): JsonMap =>
  Object.fromEntries(
    names.filter((name) => item !== null && Object.hasOwn(item, name)).map((name) => [name, item![name]]),
  );
