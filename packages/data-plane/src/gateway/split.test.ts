// SPDX-License-Identifier: Apache-2.0
// Traffic shares: exact by roll, and in the long run.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chooseBackend } from "./split.ts";

const backends = (...weights: number[]) =>
  weights.map((weight, i) => ({ namespace: "default", service: "abcdef"[i] as string, port: 80, weight }));
const chosen = (weights: number[], roll: number): string | undefined =>
  chooseBackend(backends(...weights), roll)?.service;

describe("chooseBackend()", () => {
  const cases = [
    { name: "the only one, whatever its weight", weights: [7], roll: 0.99, want: "a" },
    { name: "nobody when the only weight is 0", weights: [0], roll: 0, want: undefined },
    { name: "nobody when all weights are 0", weights: [0, 0], roll: 0.5, want: undefined },
    { name: "nobody without backends", weights: [], roll: 0.5, want: undefined },
    { name: "the first share begins at 0", weights: [90, 10], roll: 0, want: "a" },
    { name: "it ends before its share", weights: [90, 10], roll: 0.8999, want: "a" },
    { name: "the second begins there", weights: [90, 10], roll: 0.9, want: "b" },
    { name: "a weight of 0 is never chosen, not even at the border", weights: [0, 10], roll: 0, want: "b" },
    { name: "nor at the end", weights: [10, 0], roll: 0.999999, want: "a" },
    { name: "shares need not add up to 100", weights: [1, 1, 2], roll: 0.5, want: "c" },
  ];
  for (const { name, weights, roll, want } of cases) it(name, () => assert.equal(chosen(weights, roll), want));

  it("10,000 even rolls give exact shares", () => {
    const counts = { a: 0, b: 0, c: 0 };
    for (let i = 0; i < 10_000; i++) counts[chosen([90, 9, 1], i / 10_000) as keyof typeof counts] += 1;
    assert.deepEqual(counts, { a: 9_000, b: 900, c: 100 });
  });
});
