// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type TSchema, Type } from "typebox";
import { boolean, int32, integer, list, map, object, optional, text } from "./makers.ts";

const cases: readonly { name: string; ours: TSchema; theirs: TSchema }[] = [
  { name: "text", ours: text({ default: "a" }), theirs: Type.String({ default: "a" }) },
  { name: "boolean", ours: boolean(), theirs: Type.Boolean() },
  { name: "integer", ours: integer({ minimum: 1 }), theirs: Type.Integer({ minimum: 1 }) },
  { name: "int32", ours: int32(), theirs: Type.Integer({ format: "int32" }) },
  { name: "list", ours: list(text()), theirs: Type.Array(Type.String()) },
  { name: "map", ours: map(text()), theirs: Type.Unsafe({ type: "object", additionalProperties: Type.String() }) },
  { name: "an object without properties", ours: object({}), theirs: Type.Object({}) },
  {
    name: "an object requires what is not optional",
    ours: object({ a: text(), b: optional(object({ c: text() })) }, { description: "d" }),
    theirs: Type.Object(
      { a: Type.String(), b: Type.Optional(Type.Object({ c: Type.String() })) },
      { description: "d" },
    ),
  },
];

describe("schema values", () => {
  for (const { name, ours, theirs } of cases)
    it(`${name} equals TypeBox's`, () => assert.equal(JSON.stringify(ours), JSON.stringify(theirs)));
});
