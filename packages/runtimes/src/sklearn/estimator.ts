// SPDX-License-Identifier: Apache-2.0
// From an unpickled scikit-learn object to something that predicts: one builder per estimator class.
import { ModelError } from "../model.ts";
import { PickleError } from "./byte-reader.ts";
import { linearClassifier, linearRegressor } from "./linear.ts";
import type { Estimator, Predictor, Transformer } from "./predictor.ts";
import { PyObject, PyTuple, type PyValue } from "./py-value.ts";
import { minMaxScaler, standardScaler } from "./scale.ts";
import { svc, svr } from "./svm.ts";
import { forestClassifier, forestRegressor, treeClassifier, treeRegressor } from "./tree.ts";

const builders: Readonly<Record<string, (object: PyObject) => Estimator>> = {
  LinearRegression: linearRegressor,
  Ridge: linearRegressor,
  LogisticRegression: linearClassifier,
  SVC: svc,
  SVR: svr,
  DecisionTreeClassifier: treeClassifier,
  DecisionTreeRegressor: treeRegressor,
  RandomForestClassifier: forestClassifier,
  RandomForestRegressor: forestRegressor,
  StandardScaler: standardScaler,
  MinMaxScaler: minMaxScaler,
  Pipeline: pipeline,
};

export function toPredictor(value: PyValue): Predictor {
  const estimator = toEstimator(value);
  if (estimator.role === "predictor") return estimator;
  throw new ModelError(
    `Cannot load the model: the file holds a ${estimator.name}, which transforms data and predicts nothing; save the whole Pipeline or the final estimator`,
  );
}

function toEstimator(value: PyValue): Estimator {
  if (!(value instanceof PyObject))
    throw new ModelError(
      "Cannot load the model: the file holds plain data and not a scikit-learn estimator; save the fitted estimator itself",
    );
  const build = Object.hasOwn(builders, value.className) ? builders[value.className] : undefined;
  if (build === undefined) throw new PickleError(`a ${value.className} is not an estimator`);
  return build(value);
}

/** Steps in order: transformers, then the predictor. "passthrough" and None steps do nothing. */
function pipeline(object: PyObject): Predictor {
  const steps = object.attribute("steps");
  if (!Array.isArray(steps)) throw new PickleError("a Pipeline without steps");
  const parts = steps
    .map((step) => (step instanceof PyTuple ? (step.items[1] ?? null) : null))
    .filter((step) => step !== null && step !== "passthrough")
    .map(toEstimator);
  const last = parts.at(-1);
  if (last === undefined || last.role !== "predictor") {
    throw new ModelError(
      `Cannot load the model: the Pipeline ends with ${last?.name ?? "nothing"}, which does not predict; save a Pipeline whose last step is a classifier or regressor`,
    );
  }
  const before = parts.slice(0, -1).map((part): Transformer => {
    if (part.role === "transformer") return part;
    throw new ModelError(
      `Cannot load the model: the Pipeline has ${part.name} before its last step, where a transformer is expected`,
    );
  });
  const prepared = (matrix: Parameters<Predictor["predict"]>[0]) =>
    before.reduce((current, part) => part.transform(current), matrix);
  const probabilities = last.probabilities;
  return {
    role: "predictor",
    name: before[0]?.name ?? last.name,
    features: parts[0]!.features,
    // Every step checks its own input in scikit-learn; NaN passes where all of them let it pass.
    allowsMissing: parts.every((part) => part.allowsMissing),
    predict: (matrix) => last.predict(prepared(matrix)),
    ...(probabilities === undefined
      ? {}
      : { probabilities: (matrix: Parameters<Predictor["predict"]>[0]) => probabilities(prepared(matrix)) }),
  };
}
