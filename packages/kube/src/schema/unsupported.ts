// SPDX-License-Identifier: Apache-2.0
// What a schema asks for and nobody here checks: said, never passed over in silence.
import { goPattern } from "./pattern.ts";
import type { Schema, TypeSchema } from "./schema.ts";

export interface UnsupportedKeyword {
  /** Where in the schema: `spec.predictor.minReplicas`, `spec.ports[]`, `metadata.labels{}`. */
  readonly path: string;
  readonly keyword: string;
  readonly count: number;
}

const ignored = ["x-kubernetes-validations", "patternProperties", "dependencies", "additionalItems"];

/** Keywords of a schema that `validateSchema` does not check; the schemas behind `$ref`s are not looked into. */
export function unsupportedKeywords({ root }: TypeSchema): UnsupportedKeyword[] {
  return [...find(root, "")];
}

function* find(schema: Schema, path: string): Generator<UnsupportedKeyword> {
  for (const keyword of ignored) {
    const value = schema[keyword];
    if (value !== undefined) yield { path, keyword, count: Array.isArray(value) ? value.length : 1 };
  }
  if (schema.pattern !== undefined && goPattern(schema.pattern) === undefined)
    yield { path, keyword: "pattern", count: 1 };
  const below = path === "" ? "" : `${path}.`;
  for (const [name, property] of Object.entries(schema.properties ?? {})) yield* find(property, below + name);
  if (schema.items !== undefined) yield* find(schema.items, `${path}[]`);
  if (typeof schema.additionalProperties === "object") yield* find(schema.additionalProperties, `${path}{}`);
}
