// SPDX-License-Identifier: Apache-2.0
// Reads XGBoost's model document (JSON or UBJSON, the same structure: xgboost doc/model.schema) into flat typed arrays.
// Every index is checked here once, so that the evaluator can walk without checks and can never loop.
import { ModelError } from "../model.ts";
import { type Objective, objectives } from "./objective.ts";

/** All trees in one table. Children are absolute node numbers; a leaf has left -1 and its value in `value`. */
export interface Forest {
  readonly roots: Int32Array;
  readonly groupOf: Int32Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly feature: Int32Array;
  readonly value: Float32Array;
  readonly defaultLeft: Uint8Array;
  /** Per node: index into `categories`, or -1 for a numeric split. */
  readonly categorical: Int32Array;
  readonly categories: ReadonlyArray<ReadonlySet<number>>;
}

export interface Booster {
  readonly features: number;
  readonly featureNames: readonly string[];
  readonly groups: number;
  readonly base: Float32Array;
  readonly objective: Objective;
  readonly forest: Forest | undefined;
  /** gblinear: weights[feature * groups + group], the bias after the last feature. */
  readonly linear: Float32Array | undefined;
}

type Json = Readonly<Record<string, unknown>>;
const wrong = (why: string): ModelError =>
  new ModelError(
    `Cannot load the model: the file is not a valid XGBoost model (${why}); save it with booster.save_model("model.json") or ".ubj" of XGBoost 1.6 or newer`,
  );

function object(value: unknown, where: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw wrong(`"${where}" is missing`);
}

function list(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw wrong(`"${where}" is not an array`);
}

function count(value: unknown, where: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 0 && number < 1e7) return number;
  throw wrong(`"${where}" is not a count`);
}

export function readBooster(document: unknown): Booster {
  const learner = object(object(document, "document")["learner"], "learner");
  const parameters = object(learner["learner_model_param"], "learner_model_param");
  const name = String(object(learner["objective"], "objective")["name"]);
  const objective = Object.hasOwn(objectives, name) ? objectives[name] : undefined;
  if (objective === undefined) {
    throw new ModelError(
      `Cannot load the model: the XGBoost objective "${name}" is not supported here; supported are ${Object.keys(objectives).join(", ")}. Serve it with the MLServer runtime (runtime: kserve-mlserver)`,
    );
  }
  const groups =
    Math.max(1, count(parameters["num_class"], "num_class")) *
    Math.max(1, count(parameters["num_target"] ?? 1, "num_target"));
  const features = count(parameters["num_feature"], "num_feature");
  const booster = object(learner["gradient_booster"], "gradient_booster");
  const names = Array.isArray(learner["feature_names"]) ? learner["feature_names"].map(String) : [];
  return {
    features,
    featureNames: names.length === features ? names : [],
    groups,
    base: baseMargins(parameters["base_score"], groups, objective),
    objective,
    ...readTrees(booster, groups, features),
  };
}

/** Before 3.1 a scalar "5E-1", since then an array "[5E-1,5E-1]". */
function baseMargins(score: unknown, groups: number, objective: Objective): Float32Array {
  const scores = String(score)
    .replace(/[[\]\s]/g, "")
    .split(",")
    .map(Number);
  if (scores.some(Number.isNaN)) throw wrong('"base_score" is not a number');
  return Float32Array.from({ length: groups }, (_, group) =>
    objective.baseMargin(Math.fround(scores[group] ?? scores[0]!)),
  );
}

function readTrees(booster: Json, groups: number, features: number): Pick<Booster, "forest" | "linear"> {
  if (booster["name"] === "gblinear") {
    const weights = Float32Array.from(list(object(booster["model"], "model")["weights"], "weights"), Number);
    if (weights.length !== (features + 1) * groups) throw wrong('"weights" has the wrong length');
    return { forest: undefined, linear: weights };
  }
  const dart = booster["name"] === "dart";
  const model = object(dart ? object(booster["gbtree"], "gbtree")["model"] : booster["model"], "model");
  const drop = dart ? list(booster["weight_drop"], "weight_drop").map(Number) : undefined;
  return { forest: readForest(model, { groups, features, drop }), linear: undefined };
}

interface ForestContext {
  readonly groups: number;
  readonly features: number;
  readonly drop: readonly number[] | undefined;
}

function readForest(model: Json, context: ForestContext): Forest {
  const trees = list(model["trees"], "trees").map((tree, at) => object(tree, `trees[${at}]`));
  const sizes = trees.map((tree) => list(tree["left_children"], "left_children").length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const forest = {
    roots: new Int32Array(trees.length),
    groupOf: Int32Array.from(list(model["tree_info"], "tree_info"), Number),
    left: new Int32Array(total),
    right: new Int32Array(total),
    feature: new Int32Array(total),
    value: new Float32Array(total),
    defaultLeft: new Uint8Array(total),
    categorical: new Int32Array(total).fill(-1),
    categories: [] as Set<number>[],
  };
  if (forest.groupOf.length !== trees.length || forest.groupOf.some((group) => group < 0 || group >= context.groups))
    throw wrong('"tree_info" does not match the trees');
  let offset = 0;
  trees.forEach((tree, at) => {
    forest.roots[at] = offset;
    readTree(tree, forest, { ...context, offset, size: sizes[at]!, weight: context.drop?.[at] ?? 1, at });
    offset += sizes[at]!;
  });
  return forest;
}

interface TreePlace extends ForestContext {
  readonly offset: number;
  readonly size: number;
  readonly weight: number;
  readonly at: number;
}

function readTree(tree: Json, forest: Forest & { categories: Set<number>[] }, place: TreePlace): void {
  const { offset, size, at } = place;
  const parameter = object(tree["tree_param"], "tree_param");
  if (Number(parameter["size_leaf_vector"] ?? 1) > 1) {
    throw new ModelError(
      "Cannot load the model: it has multi-output trees (multi_strategy=multi_output_tree), which are not supported here; train with one_output_per_tree or use the MLServer runtime (runtime: kserve-mlserver)",
    );
  }
  const column = (name: string): readonly unknown[] => {
    const values = list(tree[name], name);
    if (values.length !== size) throw wrong(`trees[${at}].${name} has ${values.length} entries for ${size} nodes`);
    return values;
  };
  const [left, right, feature, value, missing] = [
    "left_children",
    "right_children",
    "split_indices",
    "split_conditions",
    "default_left",
  ].map(column);
  if (size === 0) throw wrong(`trees[${at}] is empty`);
  for (let node = 0; node < size; node++) {
    const target = offset + node;
    const [l, r] = [Number(left![node]), Number(right![node])];
    forest.value[target] = l === -1 ? Math.fround(Number(value![node])) * place.weight : Number(value![node]);
    forest.left[target] = l === -1 ? -1 : offset + l;
    forest.right[target] = offset + r;
    forest.feature[target] = Number(feature![node]);
    forest.defaultLeft[target] = Number(missing![node]) ? 1 : 0;
    // A child always has a higher number than its parent, so a walk ends: a file that breaks this could loop for ever.
    const forward = (child: number): boolean => Number.isInteger(child) && child > node && child < size;
    if (
      l !== -1 &&
      !(forward(l) && forward(r) && forest.feature[target]! >= 0 && forest.feature[target]! < place.features)
    ) {
      throw wrong(`trees[${at}] node ${node} points outside its tree`);
    }
  }
  readCategories(tree, forest, offset);
}

function readCategories(tree: Json, forest: Forest & { categories: Set<number>[] }, offset: number): void {
  const nodes = (tree["categories_nodes"] ?? []) as readonly unknown[];
  if (!Array.isArray(nodes) || nodes.length === 0) return;
  const all = list(tree["categories"], "categories");
  const starts = list(tree["categories_segments"], "categories_segments");
  const sizes = list(tree["categories_sizes"], "categories_sizes");
  nodes.forEach((node, at) => {
    const target = offset + Number(node);
    if (!(target < forest.categorical.length)) throw wrong('"categories_nodes" points outside its tree');
    forest.categorical[target] = forest.categories.length;
    const start = Number(starts[at]);
    forest.categories.push(new Set(all.slice(start, start + Number(sizes[at])).map(Number)));
  });
}
