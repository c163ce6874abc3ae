// SPDX-License-Identifier: Apache-2.0
// Scores rows with a booster: float32 comparisons and sums, as XGBoost's CPU predictor does
// (xgboost: src/predictor/cpu_predictor.cc). A missing value (NaN) goes the default way of its node.
import type { Matrix } from "../matrix.ts";
import type { Booster, Forest } from "./booster.ts";

const fround = Math.fround;

/** Margins, row after row, `groups` per row. Sums begin with the base score: the order decides the last bits. */
export function margins(booster: Booster, matrix: Matrix<Float32Array>): Float32Array {
  const { groups, base, forest } = booster;
  const out = new Float32Array(matrix.rows * groups);
  for (let row = 0; row < matrix.rows; row++) {
    const at = row * groups;
    out.set(base, at);
    if (forest !== undefined) addTrees(forest, matrix, row, out.subarray(at, at + groups));
    else addLinear(booster, matrix, row, out.subarray(at, at + groups));
  }
  return out;
}

function addTrees(forest: Forest, { data, columns }: Matrix<Float32Array>, row: number, sums: Float32Array): void {
  const { roots, left, right, feature, value, defaultLeft, categorical, groupOf } = forest;
  const from = row * columns;
  const plain = forest.categories.length === 0;
  for (let tree = 0; tree < roots.length; tree++) {
    let node = roots[tree]!;
    let l = left[node]!;
    while (l !== -1) {
      const x = data[from + feature[node]!]!;
      // biome-ignore lint/suspicious/noSelfCompare: x !== x is the fastest test for NaN on this path.
      if (x !== x) node = defaultLeft[node]! ? l : right[node]!;
      else if (plain || categorical[node]! < 0) node = x < value[node]! ? l : right[node]!;
      else node = goesLeft(forest, node, x) ? l : right[node]!;
      l = left[node]!;
    }
    const group = groupOf[tree]!;
    sums[group] = sums[group]! + value[node]!;
  }
}

/** xgboost: src/common/categorical.h Decision: the stored set goes right; a category never seen goes left. */
const goesLeft = (forest: Forest, node: number, x: number): boolean =>
  !forest.categories[forest.categorical[node]!]!.has(Math.trunc(x));

function addLinear(
  { linear, groups, features }: Booster,
  { data, columns }: Matrix<Float32Array>,
  row: number,
  sums: Float32Array,
): void {
  for (let group = 0; group < groups; group++) {
    let sum = fround(sums[group]! + linear![features * groups + group]!);
    for (let column = 0; column < columns; column++) {
      const x = data[row * columns + column]!;
      if (!Number.isNaN(x)) sum = fround(sum + fround(x * linear![column * groups + group]!));
    }
    sums[group] = sum;
  }
}

/** Predictions as `Booster.predict` returns them: one column per group, or one class number per row. */
export function predict(booster: Booster, matrix: Matrix<Float32Array>): { values: Float32Array; width: number } {
  const { groups, objective } = booster;
  const values = margins(booster, matrix);
  for (let row = 0; row < matrix.rows; row++) objective.transform(values, row * groups, groups);
  if (!objective.labels) return { values, width: groups };
  return { values: Float32Array.from({ length: matrix.rows }, (_, row) => values[row * groups]!), width: 1 };
}
