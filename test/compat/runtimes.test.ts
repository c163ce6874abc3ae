// SPDX-License-Identifier: Apache-2.0
// The shipped runtimes: equal to KServe v0.20's object by object, and chosen as KServe chooses, whether Serval's own
// server is preferred or fills the gaps.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type AnyObject,
  defaultConfig,
  defaultInferenceService,
  type InferenceService,
  type ServingRuntime,
} from "@serval/api";
import { selectRuntime } from "@serval/operator/controllers/inference-service/runtime-selection.ts";
import { goldenRuntimes, noGolden } from "@serval/operator/testing/golden.ts";
import { clusterServingRuntime, clusterServingRuntimes, runtimeDescriptors } from "@serval/runtimes";

const isOwn = (name: string): boolean => name.startsWith("serval-");
const shipped = (): Map<string, AnyObject> =>
  new Map(
    runtimeDescriptors
      .filter(({ name }) => !isOwn(name))
      .map((descriptor) => [
        descriptor.name,
        structuredClone(clusterServingRuntime(descriptor)) as unknown as AnyObject,
      ]),
  );

/** The golden context was made from KServe's source, whose own images have no release yet. */
const released = (object: AnyObject): AnyObject =>
  JSON.parse(JSON.stringify(object).replaceAll(/"(kserve\/\w+):latest/g, '"$1:v0.20.0')) as AnyObject;

type Format = { name: string; autoSelect?: boolean };
type Container = { command?: string[] };
type Spec = { supportedModelFormats: Format[]; containers: Container[]; workerSpec?: { containers: Container[] } };
const specOf = (object: AnyObject): Spec => object["spec"] as Spec;

/** Where ours differ on purpose: what is taken out of both sides before they are compared. */
const deviations: Record<string, (spec: Spec, isOurs: boolean) => void> = {
  // The seed's quick start names this runtime for the format huggingface.
  "kserve-vllmserver": (spec, isOurs) => {
    const [added] = isOurs ? spec.supportedModelFormats.splice(1, 1) : [];
    if (isOurs) assert.deepEqual(added, { name: "huggingface", version: "1", autoSelect: false });
  },
  // The scripts are our own words; they must call the same programs.
  "kserve-huggingfaceserver-multinode": (spec) => {
    const [head, worker] = [spec.containers[0], spec.workerSpec?.containers[0]];
    const [headScript, workerScript] = [head?.command?.splice(2, 1)[0], worker?.command?.splice(2, 1)[0]];
    for (const part of ["ray start --head", "RAY_ADDRESS=", "registered_nodes --retries 200", "-m huggingfaceserver"])
      assert.match(headScript ?? "", new RegExp(part), part);
    for (const part of ["TENSOR_PARALLEL_SIZE", "PIPELINE_PARALLEL_SIZE", "MODEL_DIR", "MODEL_ID"])
      assert.match(headScript ?? "", new RegExp(part), part);
    for (const part of ["ray health-check --address", "HEAD_SVC", "POD_NAMESPACE", "ray start --address=", "--block"])
      assert.match(workerScript ?? "", new RegExp(part), part);
  },
};

describe("shipped runtimes against KServe's own", { skip: noGolden }, () => {
  const ours = shipped();
  const golden = noGolden === false ? goldenRuntimes().map(released) : [];
  it("there are all of KServe's, and two more", () => {
    const theirs = new Set(golden.map(({ metadata }) => metadata.name));
    assert.equal(theirs.size, 14);
    const more = [...ours.keys()].filter((name) => !theirs.has(name));
    assert.deepEqual(more.sort(), ["kserve-openvino", "kserve-tgiserver"]);
  });
  for (const wanted of golden) {
    const name = wanted.metadata.name ?? "";
    it(name, () => {
      const found = ours.get(name);
      assert.ok(found);
      deviations[name]?.(specOf(found), true);
      deviations[name]?.(specOf(wanted), false);
      assert.deepEqual(found, wanted);
    });
  }
});

const none = "NoSupportingRuntime";
const model = (name: string, version?: string, protocolVersion?: string) => ({
  model: {
    modelFormat: { name, ...(version === undefined ? {} : { version }) },
    ...(protocolVersion === undefined ? {} : { protocolVersion }),
  },
});
const named = (name: string, runtime: string) => ({ model: { modelFormat: { name }, runtime } });

/** What is chosen: KServe's choice; on a cluster where KServe has none; with Serval's own server preferred. */
const cases: readonly [predictor: object, kserve: string, gap: string, own: string][] = [
  [model("sklearn"), "kserve-sklearnserver", "", "serval-sklearn"],
  [model("sklearn", undefined, "v2"), "kserve-mlserver", "", "serval-sklearn"],
  [model("sklearn", "0", "v2"), "kserve-mlserver", "", "serval-sklearn"],
  [model("sklearn", "0"), none, "serval-sklearn", "serval-sklearn"],
  [model("sklearn", "1.2"), none, none, none],
  [model("sklearn", "1.2", "v2"), none, none, none],
  [model("xgboost"), "kserve-xgbserver", "", "serval-xgboost"],
  [model("xgboost", undefined, "v2"), "kserve-mlserver", "", "serval-xgboost"],
  [model("lightgbm"), "kserve-lgbserver", "", "kserve-lgbserver"],
  [model("lightgbm", undefined, "v2"), "kserve-mlserver", "", "kserve-mlserver"],
  [model("mlflow"), none, none, none],
  [model("mlflow", undefined, "v2"), "kserve-mlserver", "", "kserve-mlserver"],
  [model("tensorflow"), "kserve-tensorflow-serving", "", "kserve-tensorflow-serving"],
  [model("tensorflow", undefined, "v2"), "kserve-tritonserver", "", "kserve-tritonserver"],
  [model("pytorch"), "kserve-torchserve", "", "kserve-torchserve"],
  [model("pytorch", undefined, "v2"), "kserve-torchserve", "", "kserve-torchserve"],
  [model("onnx"), none, "serval-onnx", "serval-onnx"],
  [model("onnx", undefined, "v2"), "kserve-tritonserver", "", "serval-onnx"],
  [{ onnx: { storageUri: "s3://m/a.onnx" } }, "kserve-tritonserver", "", "serval-onnx"],
  [model("triton"), "kserve-tritonserver", "", "kserve-tritonserver"],
  [model("huggingface"), "kserve-huggingfaceserver", "", "kserve-huggingfaceserver"],
  [model("huggingface", undefined, "v2"), "kserve-huggingfaceserver", "", "kserve-huggingfaceserver"],
  [
    { ...model("huggingface"), workerSpec: {} },
    "kserve-huggingfaceserver-multinode",
    "",
    "kserve-huggingfaceserver-multinode",
  ],
  [model("vLLM"), "kserve-vllmserver", "", "kserve-vllmserver"],
  [model("Tensorflow"), none, none, none],
  // Beyond KServe's table.
  [model("gguf"), none, "serval-llamacpp", "serval-llamacpp"],
  [named("huggingface", "kserve-vllmserver"), "kserve-vllmserver", "", "kserve-vllmserver"],
  [named("huggingface", "kserve-tgiserver"), "kserve-tgiserver", "", "kserve-tgiserver"],
  [named("sklearn", "kserve-predictiveserver"), "kserve-predictiveserver", "", "kserve-predictiveserver"],
];

function chosen(predictor: object, cluster: readonly unknown[]): string {
  const service = {
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: { name: "m" },
    spec: { predictor },
  } as InferenceService;
  const { model: wanted, workerSpec } = defaultInferenceService(service, defaultConfig()).spec.predictor;
  const choice = selectRuntime(
    { model: wanted ?? {}, isMultiNode: workerSpec !== undefined },
    { namespaced: [], cluster: cluster as readonly ServingRuntime[] },
  );
  return "runtime" in choice ? (choice.runtime.metadata.name ?? "") : choice.reason;
}

describe("which shipped runtime serves a model", () => {
  const filling = clusterServingRuntimes({ prefersOwn: false });
  const kserve = filling.filter(({ metadata }) => !isOwn(metadata.name));
  for (const [predictor, wanted, gap, own] of cases) {
    it(JSON.stringify(predictor), () => {
      assert.equal(chosen(predictor, kserve), wanted, "KServe's choice");
      assert.equal(chosen(predictor, filling), gap || wanted, "on a cluster");
      assert.equal(chosen(predictor, clusterServingRuntimes({ prefersOwn: true })), own, "own server preferred");
    });
  }
  it("OpenVINO takes tensorflow and onnx when somebody installs it", () => {
    const optional = runtimeDescriptors.filter(({ isOptional }) => isOptional).map(clusterServingRuntime);
    assert.equal(chosen(model("tensorflow"), [...filling, ...optional]), "kserve-openvino");
    assert.equal(chosen(model("onnx"), [...filling, ...optional]), "kserve-openvino");
  });
});
