// SPDX-License-Identifier: Apache-2.0
// Predictions that examples/models/train.py recorded from the real frameworks, and the comparison with ours.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Tensor } from "@serval/protocol";

type Cell = number | null;
export interface Recorded {
  readonly framework: string;
  readonly version: string;
  readonly inputs: readonly (readonly Cell[])[];
  readonly predictions: readonly unknown[];
  readonly probabilities?: readonly unknown[];
}

export const readRecorded = async (folder: string): Promise<Recorded> =>
  JSON.parse(await readFile(join(dirname(folder), "recorded", `${basename(folder)}.json`), "utf8"));

export function recordedInput({ inputs }: Recorded): Tensor {
  const columns = inputs[0]!.length;
  return {
    name: "input-0",
    datatype: "FP64",
    shape: [inputs.length, columns],
    data: Float64Array.from(inputs.flat(), (cell) => cell ?? Number.NaN),
  };
}

/** Labels (strings, integers) exactly; floats within the relative tolerance. */
export function assertClose(output: Tensor, expected: readonly unknown[], tolerance: number): void {
  const want = expected.flat() as Array<number | string>;
  assert.equal(output.data.length, want.length);
  want.forEach((value, at) => {
    const got = output.data[at];
    if (typeof value === "string" || output.datatype === "INT64")
      assert.equal(String(got), String(value), `element ${at}`);
    else
      assert.ok(
        Math.abs(Number(got) - value) <= tolerance * Math.max(Math.abs(value), 1e-30),
        `element ${at}: ${got} is not ${value}`,
      );
  });
}
