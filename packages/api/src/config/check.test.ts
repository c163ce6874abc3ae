// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type TSchema, Type } from "typebox";
import { Value } from "typebox/value";
import { firstProblem, withDefaults } from "./check.ts";
import { configKeys, configSchemas } from "./schema.ts";

/** Values that are wrong for some field of some section, and right for others. */
const values: readonly unknown[] = [{}, "text", 7, true, { urlPort: 0 }, { urlPort: 70000 }, { urlPort: 1.5 }];
const fieldValues: readonly unknown[] = [
  "",
  "fetch",
  "x",
  true,
  3,
  ["a"],
  [1],
  {},
  { defaultRollout: { maxSurge: 1 } },
];

/** The same schema made by TypeBox, which its defaulting needs. */
function typeBoxOf(schema: TSchema): TSchema {
  const {
    type,
    properties,
    items,
    required = [],
    ...keywords
  } = schema as unknown as {
    type: "object" | "array" | "string" | "boolean" | "integer";
    properties?: Record<string, TSchema>;
    items?: TSchema;
    required?: string[];
  };
  if (type === "string") return Type.String(keywords);
  if (type === "boolean") return Type.Boolean(keywords);
  if (type === "integer") return Type.Integer(keywords);
  if (type === "array") return Type.Array(typeBoxOf(items as TSchema), keywords);
  const fields = Object.entries(properties ?? {}).map(([name, field]) => {
    const made = typeBoxOf(field);
    return [name, required.includes(name) ? made : Type.Optional(made)] as const;
  });
  return Type.Object(Object.fromEntries(fields), keywords);
}

describe("a section's check", () => {
  for (const key of configKeys) {
    const schema = configSchemas[key];
    const reference = typeBoxOf(schema);
    const all = [
      ...values,
      ...Object.keys(schema.properties).flatMap((name) => fieldValues.map((value) => ({ [name]: value }))),
    ];
    it(`${key}: fills and judges as TypeBox does`, () => {
      for (const value of all) {
        const filled = withDefaults(schema, value);
        // Through JSON: TypeBox hangs an object's defaults on a list too.
        const wanted = JSON.stringify(Value.Default(reference, structuredClone(value)));
        assert.deepEqual(filled, JSON.parse(wanted), JSON.stringify(value));
        const [theirs] = Value.Errors(reference, filled);
        const ours = firstProblem(schema, filled);
        assert.equal(ours?.path, theirs?.instancePath.replaceAll("/", "."), JSON.stringify(value));
        assert.equal(ours?.message, theirs?.message);
      }
    });
  }
});
