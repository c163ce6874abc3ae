// SPDX-License-Identifier: Apache-2.0
// `x-kubernetes-embedded-resource`: objects within objects name their apiVersion and kind. Their metadata is pruned like
// any other (prune.ts) but its values are not checked here.
// Semantics: apiextensions-apiserver pkg/apiserver/schema/objectmeta/validation.go.
import type { FieldError } from "../patch/contract.ts";
import { goJson, goQuote } from "../patch/go-format.ts";
import { isMap, type JsonMap, ownValue } from "./json.ts";
import { resolveSchema, type Schema, type TypeSchema } from "./schema.ts";

export const embeddedResourceErrors = (object: unknown, type: TypeSchema): FieldError[] =>
  Object.keys(type.definitions).length > 0 ? [] : [...inValue(object, type.root, { path: "", type })];

interface Place {
  readonly path: string;
  readonly type: Pick<TypeSchema, "definitions">;
}

const child = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`);

function* inValue(value: unknown, given: Schema, { path, type }: Place): Generator<FieldError> {
  if (typeof value !== "object" || value === null) return;
  const schema = resolveSchema(type, given);
  if (Array.isArray(value)) {
    if (schema.items === undefined) return;
    for (const [index, item] of value.entries())
      yield* inValue(item, schema.items, { path: `${path}[${index}]`, type });
    return;
  }
  if (schema["x-kubernetes-embedded-resource"] === true) yield* identityErrors(value as JsonMap, path);
  const { additionalProperties } = schema;
  for (const [key, field] of Object.entries(value)) {
    const property = ownValue(schema.properties, key);
    if (property !== undefined) yield* inValue(field, property, { path: child(path, key), type });
    else if (typeof additionalProperties === "object")
      yield* inValue(field, additionalProperties, { path: `${path}[${key}]`, type });
  }
}

const dns1035 =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

function* identityErrors(resource: JsonMap, path: string): Generator<FieldError> {
  for (const key of ["apiVersion", "kind"]) {
    const at = child(path, key);
    const invalid = (value: unknown, why: string): FieldError => ({
      path: at,
      reason: "FieldValueInvalid",
      message: `Invalid value: ${typeof value === "string" ? goQuote(value) : goJson(value)}: ${why}`,
    });
    const value = resource[key];
    if (!Object.hasOwn(resource, key)) yield { path: at, reason: "FieldValueRequired", message: "Required value" };
    else if (typeof value !== "string") yield invalid(value, "must be a string");
    else if (value === "") yield invalid(value, "must not be empty");
    else if (key === "apiVersion" && value.split("/").length > 2)
      yield invalid(value, `unexpected GroupVersion string: ${value}`);
    else if (key === "kind" && !/^[a-z](?:[-a-z0-9]*[a-z0-9])?$/.test(value.toLowerCase())) {
      yield invalid(value, `may have mixed case, but should otherwise match: ${dns1035}`);
    }
  }
  if (Object.hasOwn(resource, "metadata") && !isMap(resource["metadata"])) {
    const message = `Invalid value: ${goJson(resource["metadata"])}: must be an object`;
    yield { path: child(path, "metadata"), reason: "FieldValueInvalid", message };
  }
}
