// SPDX-License-Identifier: Apache-2.0
// OpenAPI v3 schemas as Kubernetes uses them: what pruning, defaulting, validation and merging read.

/** The subset of JSON Schema of a CRD or of Kubernetes' own OpenAPI document, with Kubernetes' extensions. */
export interface Schema {
  $ref?: string;
  type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  format?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  required?: string[];
  enum?: unknown[];
  default?: unknown;
  nullable?: boolean;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  not?: Schema;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: boolean;
  exclusiveMaximum?: boolean;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  minProperties?: number;
  maxProperties?: number;
  "x-kubernetes-preserve-unknown-fields"?: boolean;
  "x-kubernetes-embedded-resource"?: boolean;
  "x-kubernetes-int-or-string"?: boolean;
  "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  "x-kubernetes-list-map-keys"?: string[];
  "x-kubernetes-map-type"?: "granular" | "atomic";
  "x-kubernetes-patch-strategy"?: string;
  "x-kubernetes-patch-merge-key"?: string;
  "x-kubernetes-validations"?: { rule: string; message?: string; [key: string]: unknown }[];
  [keyword: string]: unknown;
}

/**
 * A schema with the definitions that its `$ref`s name (as in `kubernetes-schemas.gen.json`, without "#/definitions/").
 * CRD schemas have no refs and an empty `definitions`.
 */
export interface TypeSchema {
  readonly root: Schema;
  readonly definitions: Readonly<Record<string, Schema>>;
}

/** The node itself, or what its `$ref` names. @throws Error on an unknown name (a bug in the generated file). */
export function resolveSchema(type: Pick<TypeSchema, "definitions">, schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const resolved = type.definitions[schema.$ref];
  if (resolved === undefined) throw new Error(`Unknown schema "${schema.$ref}"`);
  return resolved;
}
