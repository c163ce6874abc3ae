// SPDX-License-Identifier: Apache-2.0
// Decision trees and random forests (scikit-learn: sklearn/tree/_tree.pyx): inputs in float32, thresholds in float64.
import type { Matrix } from "../matrix.ts";
import { ModelError } from "../model.ts";
import { PickleError } from "./byte-reader.ts";
import { argmaxRows, featuresOf, labelsOf, type Predictor } from "./predictor.ts";
import { field, floats, NumpyArray, PyObject, type PyValue } from "./py-value.ts";

interface Tree {
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly feature: Int32Array;
  readonly threshold: Float64Array;
  readonly missingLeft: Uint8Array;
  /** Per node `width` values: class shares, or one value per output. */
  readonly values: Float64Array;
  readonly width: number;
}

function treeOf(value: PyValue | undefined, features: number, classifier: boolean): Tree {
  if (!(value instanceof PyObject) || value.className !== "Tree")
    throw new PickleError("an estimator without tree_: was it fitted before it was saved?");
  const nodes = value.attribute("nodes");
  const stored = value.attribute("values");
  if (!(nodes instanceof NumpyArray && stored instanceof NumpyArray) || stored.shape.length !== 3)
    throw new PickleError("a tree without nodes or values");
  const column = (name: string): Float64Array => {
    const values = field(nodes, name);
    if (values === undefined) throw new PickleError(`the tree's nodes have no ${name}`);
    return values;
  };
  const [count, outputs, classes] = stored.shape as [number, number, number];
  if (classifier && outputs > 1)
    throw new ModelError(
      "Cannot load the model: classifiers with several outputs are not supported here; use the MLServer runtime (runtime: kserve-mlserver)",
    );
  const tree = {
    left: Int32Array.from(column("left_child")),
    right: Int32Array.from(column("right_child")),
    feature: Int32Array.from(column("feature")),
    threshold: column("threshold"),
    missingLeft: Uint8Array.from(field(nodes, "missing_go_to_left") ?? new Float64Array(count)),
    values: floats(stored, "values"),
    width: classifier ? classes : outputs,
  };
  if (tree.left.length !== count || tree.values.length !== count * outputs * classes || (!classifier && classes !== 1))
    throw new PickleError("the parts of the tree do not match each other");
  checkNodes(tree, features);
  if (classifier) normalise(tree.values, classes);
  return tree;
}

/** Children come after their parent in every file that scikit-learn writes; a file that breaks this could loop for ever. */
function checkNodes({ left, right, feature }: Tree, features: number): void {
  for (let node = 0; node < left.length; node++) {
    if (left[node] === -1) continue;
    const forward = (child: number): boolean => child > node && child < left.length;
    if (!(forward(left[node]!) && forward(right[node]!) && feature[node]! >= 0 && feature[node]! < features))
      throw new PickleError(`tree node ${node} points outside its tree`);
  }
  if (left.length === 0) throw new PickleError("an empty tree");
}

/** Before 1.3 the values are sample counts, since then shares. */
function normalise(values: Float64Array, classes: number): void {
  for (let from = 0; from < values.length; from += classes) {
    let sum = 0;
    for (let i = from; i < from + classes; i++) sum += values[i]!;
    if (Math.abs(sum - 1) > 1e-6 && sum > 0) for (let i = from; i < from + classes; i++) values[i] = values[i]! / sum;
  }
}

function addTree(tree: Tree, { rows, columns, data }: Matrix, sums: Float64Array): void {
  const { left, right, feature, threshold, missingLeft, values, width } = tree;
  for (let row = 0; row < rows; row++) {
    let node = 0;
    let l = left[0]!;
    while (l !== -1) {
      const x = Math.fround(data[row * columns + feature[node]!]!);
      // biome-ignore lint/suspicious/noSelfCompare: x !== x is the fastest test for NaN on this path.
      node = (x !== x ? missingLeft[node]! !== 0 : x <= threshold[node]!) ? l : right[node]!;
      l = left[node]!;
    }
    for (let i = 0; i < width; i++) sums[row * width + i] = sums[row * width + i]! + values[node * width + i]!;
  }
}

function treesOf(object: PyObject, classifier: boolean): readonly Tree[] {
  const features = featuresOf(object);
  if (features === undefined) throw new PickleError(`${object.className} has no n_features_in_`);
  const members = object.attribute("estimators_");
  const trees = members === undefined ? [object] : Array.isArray(members) ? members : [];
  if (trees.length === 0) throw new PickleError(`${object.className} has no trees: was it fitted before it was saved?`);
  const read = trees.map((member) =>
    treeOf(member instanceof PyObject ? member.attribute("tree_") : undefined, features, classifier),
  );
  if (read.some((tree) => tree.width !== read[0]!.width)) throw new PickleError("the trees do not match each other");
  return read;
}

function mean(trees: readonly Tree[], matrix: Matrix): Float64Array {
  const sums = new Float64Array(matrix.rows * trees[0]!.width);
  for (const tree of trees) addTree(tree, matrix, sums);
  return trees.length === 1 ? sums : sums.map((sum) => sum / trees.length);
}

export function treeClassifier(object: PyObject): Predictor {
  const trees = treesOf(object, true);
  const labels = labelsOf(object);
  if (trees[0]!.width !== labels.count) throw new PickleError("the tree does not match classes_");
  return {
    role: "predictor",
    name: object.className,
    features: featuresOf(object),
    allowsMissing: true,
    predict: (matrix) => labels.answer(argmaxRows(mean(trees, matrix), labels.count)),
    probabilities: (matrix) => ({ datatype: "FP64", data: mean(trees, matrix), width: labels.count }),
  };
}

export function treeRegressor(object: PyObject): Predictor {
  const trees = treesOf(object, false);
  return {
    role: "predictor",
    name: object.className,
    features: featuresOf(object),
    allowsMissing: true,
    predict: (matrix) => ({ datatype: "FP64", data: mean(trees, matrix), width: trees[0]!.width }),
  };
}

export const forestClassifier = treeClassifier;
export const forestRegressor = treeRegressor;
