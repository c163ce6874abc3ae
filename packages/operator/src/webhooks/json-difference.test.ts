// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { jsonPatch } from "@serval/kube/patch";
import { jsonDifference } from "./json-difference.ts";

type Row = readonly [before: object, after: object, operations: number];
const rows: readonly Row[] = [
  [{ a: 1 }, { a: 1 }, 0],
  [{ a: 1 }, { a: 2, b: 3 }, 2],
  [{ a: 1, b: { c: [] } }, { b: { c: [] } }, 1],
  [{ a: 1 }, { a: undefined }, 1],
  [{}, { a: undefined }, 0],
  [{ "x/y~z": 1 }, { "x/y~z": 2, "~/": { "/": 1 } }, 2],
  [{ list: [1, 2, 3] }, { list: [1, 4] }, 2],
  [{ list: [{ a: 1 }] }, { list: [{ a: 2 }, { b: 1 }, { c: 1 }] }, 3],
  [{ list: [1, 2, 3, 4] }, { list: [] }, 4],
  [{ a: [1] }, { a: { b: 1 } }, 1],
  [{ a: null }, { a: {} }, 1],
  [{ a: { b: { c: 1 } } }, { a: { b: { c: 1, d: [[1], [2]] } } }, 1],
];

describe("jsonDifference()", () => {
  for (const [before, after, count] of rows)
    it(`${JSON.stringify(before)} becomes ${JSON.stringify(after)} by ${count}`, () => {
      const operations = jsonDifference(before, after);
      assert.equal(operations.length, count);
      const wanted: unknown = JSON.parse(JSON.stringify(after));
      assert.deepEqual(jsonPatch(before as never, JSON.parse(JSON.stringify(operations))), wanted);
    });
});
