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
  return {
    count: values.length,
    answer(indices) {
      const picked = Array.from(indices, (index) => values[index]!);
      if (text) return { datatype: "BYTES", data: picked.map(String), width: 1 };
      if (classes.dtype.kind === "b1") return { datatype: "BOOL", data: Uint8Array.from(picked, Number), width: 1 };
      if (integer) return { datatype: "INT64", data: BigInt64Array.from(picked, (value) => BigInt(value)), width: 1 };
      return { datatype: "FP64", data: Float64Array.from(picked, Number), width: 1 };
    },
  };
}

/** The column of the largest value per row; the first of equals, as numpy's argmax. */
export function argmaxRows(values: Float64Array, columns: number): Int32Array {
  return Int32Array.from({ length: columns === 0 ? 0 : values.length / columns }, (_, row) => {
    let best = 0;
    for (let column = 1; column < columns; column++)
      if (values[row * columns + column]! > values[row * columns + best]!) best = column;
    return best;
  });
}
