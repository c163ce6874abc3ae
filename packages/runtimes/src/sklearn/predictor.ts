// SPDX-License-Identifier: Apache-2.0
// What an evaluated scikit-learn estimator can do, and the labels of classifiers.
import type { Datatype, TensorData } from "@serval/protocol";
import type { Matrix } from "../matrix.ts";
import { PickleError } from "./byte-reader.ts";
import { elements, NumpyArray, numberIn, type PyObject } from "./py-value.ts";

export interface Answer {
  readonly datatype: Datatype;
  readonly data: TensorData;
  /** Columns per row; 1 is a plain list. */
  readonly width: number;
}

interface Named {
  readonly name: string;
  readonly features: number | undefined;
  readonly allowsMissing: boolean;
}
export interface Predictor extends Named {
  readonly role: "predictor";
  predict(matrix: Matrix): Answer;
  /** predict_proba, one column per class, where the estimator has it. */
  probabilities?(matrix: Matrix): Answer;
}
export interface Transformer extends Named {
  readonly role: "transformer";
  transform(matrix: Matrix): Matrix;
}
export type Estimator = Predictor | Transformer;

export function featuresOf(object: PyObject): number | undefined {
  const value = object.attribute("n_features_in_") ?? object.attribute("n_features_");
  return value === undefined || value === null ? undefined : numberIn(value, "n_features_in_");
}

/** The class labels with a function that writes one label per row by class index. */
export interface Labels {
  readonly count: number;
  answer(indices: ArrayLike<number>): Answer;
}

export function labelsOf(object: PyObject): Labels {
  const classes = object.attribute("classes_");
  if (!(classes instanceof NumpyArray))
    throw new PickleError(`${object.className} has no classes_: was it fitted before it was saved?`);
  const values = elements(classes);
  const text = values.some((value) => typeof value === "string");
  const integer =
    /^[iu]/.test(classes.dtype.kind) || (!text && classes.dtype.kind === "O8" && values.every(Number.isInteger));
  if (text) return picker(values.map(String), "BYTES", (length) => new Array<string>(length));
  if (classes.dtype.kind === "b1") return picker(values.map(Number), "BOOL", (length) => new Uint8Array(length));
  // The classes become bigints once, not once per row.
  if (integer)
    return picker(
      values.map((value) => BigInt(value as number)),
      "INT64",
      (length) => new BigInt64Array(length),
    );
  return picker(values.map(Number), "FP64", (length) => new Float64Array(length));
}

/** Writes one of `classes` per row by its index. */
function picker<T>(
  classes: readonly T[],
  datatype: Answer["datatype"],
  allocate: (length: number) => { [row: number]: T },
): Labels {
  return {
    count: classes.length,
    answer(indices) {
      const data = allocate(indices.length);
      for (let row = 0; row < indices.length; row++) data[row] = classes[indices[row]!]!;
      return { datatype, data: data as unknown as Answer["data"], width: 1 };
    },
  };
}

/** The column of the largest value per row; the first of equals, as numpy's argmax. */
export function argmaxRows(values: Float64Array, columns: number): Int32Array {
  const winners = new Int32Array(columns === 0 ? 0 : values.length / columns);
  for (let row = 0; row < winners.length; row++) {
    const from = row * columns;
    let best = 0;
    for (let column = 1; column < columns; column++) if (values[from + column]! > values[from + best]!) best = column;
    winners[row] = best;
  }
  return winners;
}
