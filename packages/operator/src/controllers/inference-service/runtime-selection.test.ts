// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defaultConfig, defaultInferenceService, type InferenceService, type ServingRuntime } from "@serval/api";
import { goldenRuntimes, noGolden } from "../../testing/golden.ts";
import { explainRejections, selectRuntime } from "./runtime-selection.ts";

const select = (predictor: object, catalog: ServingRuntime[]) => {
  const isvc = {
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: { name: "m" },
    spec: { predictor },
  };
  const { model, workerSpec } = defaultInferenceService(isvc as InferenceService, defaultConfig()).spec.predictor;
  return selectRuntime(
    { model: model ?? {}, isMultiNode: workerSpec !== undefined },
    { namespaced: [], cluster: catalog },
  );
};
const model = (name: string, options: { version?: string; protocolVersion?: string } = {}) => {
  const { version, ...others } = options;
  return { model: { modelFormat: { name, ...(version === undefined ? {} : { version }) }, ...others } };
};

const none = "NoSupportingRuntime";
/** What KServe v0.20 chooses among its shipped runtimes. */
const cases = [
  { predictor: model("sklearn"), chosen: "kserve-sklearnserver" },
  { predictor: model("sklearn", { protocolVersion: "v2" }), chosen: "kserve-mlserver" },
  { predictor: model("sklearn", { version: "0", protocolVersion: "v2" }), chosen: "kserve-mlserver" },
  { predictor: model("sklearn", { version: "0" }), chosen: none },
  { predictor: model("sklearn", { version: "1.2" }), chosen: none },
  { predictor: model("xgboost"), chosen: "kserve-xgbserver" },
  { predictor: model("lightgbm", { protocolVersion: "v2" }), chosen: "kserve-mlserver" },
  { predictor: model("mlflow"), chosen: none },
  { predictor: model("mlflow", { protocolVersion: "v2" }), chosen: "kserve-mlserver" },
  { predictor: model("tensorflow"), chosen: "kserve-tensorflow-serving" },
  { predictor: model("tensorflow", { protocolVersion: "v2" }), chosen: "kserve-tritonserver" },
  { predictor: model("pytorch"), chosen: "kserve-torchserve" },
  { predictor: model("onnx"), chosen: none },
  { predictor: model("onnx", { protocolVersion: "v2" }), chosen: "kserve-tritonserver" },
  { predictor: { onnx: { storageUri: "s3://m/a.onnx" } }, chosen: "kserve-tritonserver" },
  { predictor: model("triton"), chosen: "kserve-tritonserver" },
  { predictor: model("huggingface"), chosen: "kserve-huggingfaceserver" },
  { predictor: { ...model("huggingface"), workerSpec: {} }, chosen: "kserve-huggingfaceserver-multinode" },
  { predictor: model("vLLM"), chosen: "kserve-vllmserver" },
  { predictor: model("Tensorflow"), chosen: none },
];

describe("selectRuntime()", { skip: noGolden }, () => {
  const catalog = goldenRuntimes() as unknown as ServingRuntime[];
  for (const { predictor, chosen } of cases) {
    it(`${JSON.stringify(predictor)} is served by ${chosen}`, () => {
      const choice = select(predictor, catalog);
      assert.equal("runtime" in choice ? choice.runtime.metadata.name : choice.reason, chosen);
    });
  }
  it("says of every rejected runtime why", () => {
    const { rejected } = select(model("mlflow"), catalog);
    assert.equal(rejected.length, catalog.length);
    assert.match(explainRejections(rejected), /^kserve-mlserver: it does not speak v1 \(it speaks v2; set /);
  });
});
