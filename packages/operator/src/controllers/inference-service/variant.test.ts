// SPDX-License-Identifier: Apache-2.0
// From a spec to components: what their objects say, and how failures show.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defaultInferenceService, type InferenceServiceSpec, type ServingRuntime } from "@serval/api";
import { configOf, factsOf, serviceOf } from "../../pod/testing/pod-context.ts";
import { buildVariant } from "./variant.ts";

const config = configOf({ inferenceService: {} });

const runtimeOf = (name: string, format: string, spec: Partial<ServingRuntime["spec"]> = {}): ServingRuntime => ({
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "ClusterServingRuntime",
  metadata: { name, annotations: { "serving.kserve.io/server-type": `${format}server` } },
  spec: {
    supportedModelFormats: [{ name: format, autoSelect: true }],
    protocolVersions: ["v1"],
    containers: [{ name: "kserve-container", image: "e/x:1" }],
    annotations: { fromRuntime: "head" },
    ...spec,
  },
});

const workerSpec = {
  containers: [{ name: "worker-container", resources: { limits: { "nvidia.com/gpu": "2" } } }],
  labels: { pool: "gpu" },
  annotations: { fromRuntime: "worker" },
};
const cluster = [
  runtimeOf("sk", "sklearn"),
  runtimeOf("hf", "huggingface", {
    workerSpec,
    containers: [{ name: "kserve-container", resources: { limits: { "nvidia.com/gpu": "1" } } }],
  }),
];

function built(spec: Partial<InferenceServiceSpec>) {
  const isvc = serviceOf({}, { annotations: { note: "n" } });
  const complete = defaultInferenceService({ ...isvc, spec: { ...isvc.spec, ...spec } }, config);
  return buildVariant({ isvc: complete, config, facts: factsOf({}), catalog: { namespaced: [], cluster } });
}

function componentsOf(spec: Partial<InferenceServiceSpec>) {
  const result = built(spec);
  assert.ok("variant" in result, JSON.stringify(result));
  return result.variant.components;
}

const huggingface = { modelFormat: { name: "huggingface" }, storageUri: "pvc://c/m" };

describe("components", () => {
  it("of many models tell where their list is", () => {
    const [predictor] = componentsOf({ predictor: { model: { modelFormat: { name: "sklearn" } } } });
    assert.equal(predictor?.isMultiModel, true);
    assert.equal(predictor?.annotations["internal.serving.kserve.io/configVolumeName"], "modelconfig-m-0");
    assert.equal(predictor?.annotations["fromRuntime"], "head");
  });
  it("of several nodes carry their generation, and workers what their part of the runtime says", () => {
    const [predictor] = componentsOf({ predictor: { model: huggingface, workerSpec: { tensorParallelSize: 5 } } });
    assert.equal(predictor?.labels["isvc.generation"], "3");
    const { workerLabels, workerAnnotations, group } = predictor?.multiNode ?? {};
    assert.deepEqual(group, { nodes: 3, headGpus: 1, workerGpus: 2 });
    assert.equal(workerLabels?.["pool"], "gpu");
    assert.equal(workerAnnotations?.["fromRuntime"], "worker");
    assert.equal(workerAnnotations?.["note"], "n");
  });
  it("of the built-in explainer ask the predictor", () => {
    const [, explainer] = componentsOf({
      predictor: { model: { modelFormat: { name: "sklearn" }, storageUri: "s3://b" } },
      explainer: { art: { type: "SquareAttack", storageUri: "gs://b/e" } },
    });
    assert.equal(explainer?.sourceUri, "gs://b/e");
    assert.equal(explainer?.pod.containers[0]?.name, "kserve-container");
    assert.ok(explainer?.pod.containers[0]?.args?.includes("m-predictor.ns"));
  });
});

describe("components that cannot be", () => {
  it("for want of GPUs show it as the condition's reason", () => {
    const result = built({ predictor: { model: huggingface, workerSpec: { tensorParallelSize: 6 } } });
    assert.ok("failure" in result);
    assert.deepEqual(result.failure.condition, { type: "PredictorReady", reason: "InvalidGPUAllocation" });
    assert.equal(result.failure.modelMessage, undefined);
  });
  it("for want of a runtime for several nodes show it in the model's status", () => {
    const model = { ...huggingface, modelFormat: { name: "sklearn" }, runtime: "sk" };
    const result = built({ predictor: { model, workerSpec: {} } });
    assert.ok("failure" in result);
    assert.equal(result.failure.reason, "InvalidWorkerSpecNotSet");
    assert.match(result.failure.modelMessage ?? "", /^you cannot set WorkerSpec in the InferenceService/);
    assert.equal(result.failure.condition, undefined);
  });
});
