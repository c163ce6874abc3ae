// SPDX-License-Identifier: Apache-2.0
// SVC and SVR as libsvm evaluates them (scikit-learn: sklearn/svm/src/libsvm/svm.cpp, svm_predict_values):
// one decision per pair of classes, one vote per decision, the first class with the most votes wins.
import type { Matrix } from "../matrix.ts";
import { ModelError } from "../model.ts";
import { PickleError } from "./byte-reader.ts";
import { argmaxRows, featuresOf, labelsOf, type Predictor } from "./predictor.ts";
import { floats, NumpyArray, numberIn, type PyObject } from "./py-value.ts";

interface Machine {
  readonly vectors: Float64Array;
  readonly count: number;
  readonly features: number;
  /** (classes - 1) x count; row-major. */
  readonly coefficients: Float64Array;
  readonly intercepts: Float64Array;
  kernel(x: Float64Array, rowAt: number, vectorAt: number): number;
}

function machineOf(object: PyObject): Machine {
  if (object.attribute("_sparse") === true)
    throw new ModelError(
      `Cannot load the model: the ${object.className} was trained on a sparse matrix, which is not supported here; use the MLServer runtime (runtime: kserve-mlserver)`,
    );
  const support = object.attribute("support_vectors_");
  if (!(support instanceof NumpyArray) || support.shape.length !== 2)
    throw new PickleError(`${object.className} has no support vectors: was it fitted before it was saved?`);
  const [count, features] = support.shape as [number, number];
  const vectors = floats(support, "support_vectors_");
  const coefficients = floats(object.attribute("_dual_coef_"), "_dual_coef_");
  if (count === 0 || coefficients.length % count !== 0)
    throw new PickleError("_dual_coef_ does not match the support vectors");
  return {
    vectors,
    count,
    features,
    coefficients,
    intercepts: floats(object.attribute("_intercept_"), "_intercept_"),
    kernel: kernelOf(object, vectors, features),
  };
}

function kernelOf(object: PyObject, vectors: Float64Array, features: number): Machine["kernel"] {
  const name = object.attribute("kernel");
  const gamma = numberIn(object.attribute("_gamma") ?? 0, "_gamma");
  const coef0 = numberIn(object.attribute("coef0") ?? 0, "coef0");
  const degree = numberIn(object.attribute("degree") ?? 3, "degree");
  const dot: Machine["kernel"] = (x, rowAt, vectorAt) => {
    let sum = 0;
    for (let i = 0; i < features; i++) sum += x[rowAt + i]! * vectors[vectorAt + i]!;
    return sum;
  };
  const distance: Machine["kernel"] = (x, rowAt, vectorAt) => {
    let sum = 0;
    for (let i = 0; i < features; i++) {
      const difference = x[rowAt + i]! - vectors[vectorAt + i]!;
      sum += difference * difference;
    }
    return sum;
  };
  switch (name) {
    case "linear":
      return dot;
    case "rbf":
      return (x, rowAt, vectorAt) => Math.exp(-gamma * distance(x, rowAt, vectorAt));
    case "poly":
      return (x, rowAt, vectorAt) => (gamma * dot(x, rowAt, vectorAt) + coef0) ** degree;
    case "sigmoid":
      return (x, rowAt, vectorAt) => Math.tanh(gamma * dot(x, rowAt, vectorAt) + coef0);
    default:
      throw new ModelError(
        `Cannot load the model: the kernel ${typeof name === "string" ? `"${name}"` : "function"} is not supported here (linear, rbf, poly, sigmoid are); use the MLServer runtime (runtime: kserve-mlserver)`,
      );
  }
}

function kernelRow(machine: Machine, data: Float64Array, row: number, into: Float64Array): void {
  for (let vector = 0; vector < machine.count; vector++)
    into[vector] = machine.kernel(data, row * machine.features, vector * machine.features);
}

export function svr(object: PyObject): Predictor {
  const machine = machineOf(object);
  if (machine.coefficients.length !== machine.count || machine.intercepts.length !== 1)
    throw new PickleError("an SVR with several outputs");
  const kernel = new Float64Array(machine.count);
  return {
    role: "predictor",
    name: object.className,
    features: featuresOf(object) ?? machine.features,
    allowsMissing: false,
    predict({ rows, data }: Matrix) {
      const out = new Float64Array(rows);
      for (let row = 0; row < rows; row++) {
        kernelRow(machine, data, row, kernel);
        let sum = machine.intercepts[0]!;
        for (let i = 0; i < machine.count; i++) sum += machine.coefficients[i]! * kernel[i]!;
        out[row] = sum;
      }
      return { datatype: "FP64", data: out, width: 1 };
    },
  };
}

export function svc(object: PyObject): Predictor {
  const machine = machineOf(object);
  const labels = labelsOf(object);
  const perClass = Array.from(floats(object.attribute("_n_support"), "_n_support"));
  const classes = labels.count;
  if (
    perClass.length !== classes ||
    perClass.reduce((sum, size) => sum + size, 0) !== machine.count ||
    machine.coefficients.length !== (classes - 1) * machine.count ||
    machine.intercepts.length !== (classes * (classes - 1)) / 2
  ) {
    throw new PickleError("the parts of the SVC do not match each other");
  }
  if (object.attribute("break_ties") === true && classes > 2) {
    throw new ModelError(
      "Cannot load the model: SVC(break_ties=True) is not supported here; train with break_ties=False or use the MLServer runtime (runtime: kserve-mlserver)",
    );
  }
  const starts = perClass.map((_, at) => perClass.slice(0, at).reduce((sum, size) => sum + size, 0));
  const kernel = new Float64Array(machine.count);
  return {
    role: "predictor",
    name: object.className,
    features: featuresOf(object) ?? machine.features,
    allowsMissing: false,
    predict({ rows, data }: Matrix) {
      const votes = new Float64Array(rows * classes);
      for (let row = 0; row < rows; row++) {
        kernelRow(machine, data, row, kernel);
        vote({ machine, kernel, starts, perClass }, votes.subarray(row * classes, (row + 1) * classes));
      }
      return labels.answer(argmaxRows(votes, classes));
    },
  };
}

interface Ballot {
  readonly machine: Machine;
  readonly kernel: Float64Array;
  readonly starts: readonly number[];
  readonly perClass: readonly number[];
}

function vote({ machine, kernel, starts, perClass }: Ballot, votes: Float64Array): void {
  const { coefficients, count, intercepts } = machine;
  let pair = 0;
  for (let i = 0; i < votes.length; i++) {
    for (let j = i + 1; j < votes.length; j++) {
      let sum = intercepts[pair++]!;
      for (let k = 0; k < perClass[i]!; k++)
        sum += coefficients[(j - 1) * count + starts[i]! + k]! * kernel[starts[i]! + k]!;
      for (let k = 0; k < perClass[j]!; k++) sum += coefficients[i * count + starts[j]! + k]! * kernel[starts[j]! + k]!;
      const winner = sum > 0 ? i : j;
      votes[winner] = votes[winner]! + 1;
    }
  }
}
