// SPDX-License-Identifier: Apache-2.0
// LinearRegression, Ridge and LogisticRegression (scikit-learn: sklearn/linear_model/_base.py, _logistic.py).
import type { Matrix } from "../matrix.ts";
import { PickleError } from "./byte-reader.ts";
import { argmaxRows, featuresOf, labelsOf, type Predictor } from "./predictor.ts";
import { floats, NumpyArray, numberIn, type PyObject } from "./py-value.ts";

interface Weights {
  readonly outputs: number;
  readonly features: number;
  readonly coefficients: Float64Array;
  readonly intercepts: Float64Array;
}

function weightsOf(object: PyObject): Weights {
  const coefficient = object.attribute("coef_");
  if (!(coefficient instanceof NumpyArray))
    throw new PickleError(`${object.className} has no coef_: was it fitted before it was saved?`);
  const outputs = coefficient.shape.length === 2 ? coefficient.shape[0]! : 1;
  const coefficients = floats(coefficient, "coef_");
  const intercept = object.attribute("intercept_");
  const intercepts =
    intercept instanceof NumpyArray
      ? floats(intercept, "intercept_")
      : Float64Array.of(numberIn(intercept, "intercept_"));
  const features = outputs === 0 ? 0 : coefficients.length / outputs;
  if (intercepts.length !== outputs && intercepts.length !== 1)
    throw new PickleError("intercept_ does not match coef_");
  return { outputs, features, coefficients, intercepts };
}

/** rows x outputs: X @ coef_.T + intercept_ */
function scores({ outputs, features, coefficients, intercepts }: Weights, { rows, data }: Matrix): Float64Array {
  const out = new Float64Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    for (let output = 0; output < outputs; output++) {
      let sum = 0;
      for (let column = 0; column < features; column++)
        sum += data[row * features + column]! * coefficients[output * features + column]!;
      out[row * outputs + output] = sum + (intercepts[output] ?? intercepts[0]!);
    }
  }
  return out;
}

export function linearRegressor(object: PyObject): Predictor {
  const weights = weightsOf(object);
  return {
    role: "predictor",
    name: object.className,
    features: weights.features,
    allowsMissing: false,
    predict: (matrix) => ({ datatype: "FP64", data: scores(weights, matrix), width: weights.outputs }),
  };
}

export function linearClassifier(object: PyObject): Predictor {
  const weights = weightsOf(object);
  const labels = labelsOf(object);
  const binary = weights.outputs === 1;
  if (labels.count !== (binary ? 2 : weights.outputs)) throw new PickleError("coef_ does not match classes_");
  const toProbabilities = probabilityRule(object, binary);
  return {
    role: "predictor",
    name: object.className,
    features: featuresOf(object) ?? weights.features,
    allowsMissing: false,
    predict(matrix) {
      const values = scores(weights, matrix);
      return labels.answer(
        binary ? Int32Array.from(values, (value) => (value > 0 ? 1 : 0)) : argmaxRows(values, labels.count),
      );
    },
    probabilities: (matrix) => ({
      datatype: "FP64",
      data: toProbabilities(scores(weights, matrix), labels.count),
      width: labels.count,
    }),
  };
}

const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));

/** One-versus-rest for liblinear and for models of older versions with multi_class="ovr"; softmax otherwise. */
function probabilityRule(object: PyObject, binary: boolean): (values: Float64Array, classes: number) => Float64Array {
  const multiClass = object.attribute("multi_class");
  if (binary) {
    const factor = multiClass === "multinomial" ? 2 : 1;
    return (values) =>
      Float64Array.from({ length: 2 * values.length }, (_, at) =>
        at % 2 === 1 ? sigmoid(factor * values[at >> 1]!) : 1 - sigmoid(factor * values[at >> 1]!),
      );
  }
  const oneVersusRest = multiClass === "ovr" || object.attribute("solver") === "liblinear";
  return (values, classes) => {
    const out = values.map((value, at) =>
      oneVersusRest ? sigmoid(value) : Math.exp(value - maxOfRow(values, at, classes)),
    );
    for (let from = 0; from < out.length; from += classes) {
      const row = out.subarray(from, from + classes);
      const sum = row.reduce((total, value) => total + value, 0);
      row.forEach((value, at) => {
        row[at] = value / sum;
      });
    }
    return out;
  };
}

function maxOfRow(values: Float64Array, at: number, classes: number): number {
  const from = at - (at % classes);
  let max = Number.NEGATIVE_INFINITY;
  for (let i = from; i < from + classes; i++) max = Math.max(max, values[i]!);
  return max;
}
