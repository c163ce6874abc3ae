// SPDX-License-Identifier: Apache-2.0
// How many nodes and GPUs, what they are told, and what is refused.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ServingRuntime } from "@serval/api";
import { groupServices, type MultiNodeInput, multiNodeOf } from "./multi-node.ts";
import { type Group, multiprocessingGroup, rayGroup } from "./multi-node-sizing.ts";
import { configOf, serviceOf } from "./testing/pod-context.ts";

/** pipeline, tensor, GPUs asked of head and worker -> nodes, GPUs of head and worker */
type Row = readonly [number, number, number, number, readonly [number, number, number]];

const asTuple = ({ nodes, headGpus, workerGpus }: Group) => [nodes, headGpus, workerGpus];

describe("Ray sizes", () => {
  const table: readonly Row[] = [
    // Nobody says: a GPU per node.
    [1, 1, 0, 0, [1, 1, 1]],
    [2, 1, 0, 0, [2, 1, 1]],
    [3, 2, 0, 0, [6, 1, 1]],
    // Workers say: the head takes what is left.
    [2, 2, 0, 2, [2, 2, 2]],
    [3, 1, 0, 2, [2, 1, 2]],
    [5, 1, 0, 2, [3, 1, 2]],
    // One worker's worth is all: the head does it.
    [2, 1, 0, 2, [1, 2, 0]],
    [1, 4, 4, 1, [1, 4, 0]],
    [2, 1, 2, 2, [1, 2, 0]],
    // Both say.
    [3, 2, 2, 2, [3, 2, 2]],
    [4, 2, 4, 2, [4, 4, 2]],
    // Only the head says: workers of one.
    [1, 4, 4, 0, [1, 4, 1]],
    [2, 2, 3, 0, [2, 3, 1]],
    [4, 2, 2, 0, [7, 2, 1]],
  ];
  for (const [pipelineParallelSize, tensorParallelSize, head, worker, expected] of table)
    it(`${pipelineParallelSize} × ${tensorParallelSize}, head ${head}, worker ${worker} -> ${expected}`, () =>
      assert.deepEqual(asTuple(rayGroup({ pipelineParallelSize, tensorParallelSize }, { head, worker })), expected));

  it("are refused when head and workers have too few together", () =>
    assert.throws(() => rayGroup({ pipelineParallelSize: 3, tensorParallelSize: 2 }, { head: 1, worker: 2 }), {
      reason: "InvalidGPUAllocation",
      message:
        "the total required number of GPUs(6) is less than the number of GPUs assigned to the head node(1) + worker node(4)",
    }));
});

it("multiprocessing takes a node per stage and a GPU per shard", () =>
  assert.deepEqual(asTuple(multiprocessingGroup({ pipelineParallelSize: 3, tensorParallelSize: 4 })), [3, 4, 4]));

const runtimeOf = (spec: Partial<ServingRuntime["spec"]>): ServingRuntime => ({
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "ClusterServingRuntime",
  metadata: { name: "hf-multinode" },
  spec: {
    containers: [{ name: "kserve-container", image: "e/hf:1" }],
    workerSpec: {
      containers: [{ name: "worker-container", image: "e/hf:1", args: ["--base"] }],
      volumes: [{ name: "shm", emptyDir: { medium: "Memory" } }],
      pipelineParallelSize: 2,
      tensorParallelSize: 1,
    },
    ...spec,
  },
});

const inputOf = (workerSpec: object | undefined, more: Partial<MultiNodeInput> = {}): MultiNodeInput => ({
  isvc: serviceOf({ ...(workerSpec === undefined ? {} : { workerSpec }) }),
  config: configOf(),
  runtime: runtimeOf({}),
  name: "m-predictor",
  sourceUri: "pvc://c/m",
  pod: { containers: [{ name: "kserve-container" }] },
  ...more,
});

describe("a group of nodes", () => {
  const env = (input: MultiNodeInput, who: "head" | "worker") =>
    multiNodeOf(input)?.[who].env.map(({ name, value }) => `${name}=${value}`);
  it("is none without workerSpec", () => assert.equal(multiNodeOf(inputOf(undefined)), undefined));
  it("tells its head about sizes and model", () =>
    assert.deepEqual(env(inputOf({}), "head"), [
      "PIPELINE_PARALLEL_SIZE=2",
      "TENSOR_PARALLEL_SIZE=1",
      "RAY_NODE_COUNT=2",
      "REQUEST_GPU_COUNT=1",
      "MODEL_NAME=m",
      "MODEL_DIR=/mnt/models",
    ]));
  it("tells its workers where the head of their generation is", () =>
    assert.deepEqual(env(inputOf({ pipelineParallelSize: 3 }), "worker"), [
      "RAY_NODE_COUNT=3",
      "REQUEST_GPU_COUNT=1",
      "PIPELINE_PARALLEL_SIZE=3",
      "TENSOR_PARALLEL_SIZE=1",
      "ISVC_NAME=m",
      "HEAD_SVC=m-head-3",
      "WORKER_SVC=m-workers-3",
    ]));
  it("merges the user's worker over the runtime's", () => {
    const own = {
      nodeSelector: { pool: "gpu" },
      containers: [{ name: "", args: ["--mine"], resources: { limits: { "nvidia.com/gpu": "2" } } }],
    };
    const found = multiNodeOf(inputOf(own));
    assert.deepEqual(found?.workerPod.nodeSelector, { pool: "gpu" });
    assert.deepEqual(found?.workerPod.volumes, [{ name: "shm", emptyDir: { medium: "Memory" } }]);
    assert.deepEqual(found?.workerPod.containers, [
      {
        name: "worker-container",
        image: "e/hf:1",
        args: ["--base", "--mine"],
        resources: { limits: { "nvidia.com/gpu": "2" } },
      },
    ]);
    assert.deepEqual(found?.group, { nodes: 1, headGpus: 2, workerGpus: 0 });
  });
  it("counts GPUs of the kinds that the service, the runtime and the configuration name", () => {
    const resources = { limits: { "x.com/gpu": "2" } };
    const pod = { containers: [{ name: "kserve-container", resources }] };
    const custom = configOf({ multiNode: { customGPUResourceTypeList: ["x.com/gpu"] } });
    assert.deepEqual(multiNodeOf(inputOf({}, { pod, config: custom }))?.head.gpu, { type: "x.com/gpu", count: 2 });
    assert.deepEqual(multiNodeOf(inputOf({}, { pod }))?.head.gpu, { type: "nvidia.com/gpu", count: 1 });
  });
  it("is sized for multiprocessing when the runtime says so", () => {
    const runtime = runtimeOf({ annotations: { "multinode/executor-backend": "mp" } });
    const own = { pipelineParallelSize: 2, tensorParallelSize: 4 };
    assert.deepEqual(multiNodeOf(inputOf(own, { runtime }))?.group, { nodes: 2, headGpus: 4, workerGpus: 4 });
  });
  it("needs a runtime for several nodes", () => {
    const { workerSpec: _worker, ...spec } = runtimeOf({}).spec;
    const runtime = { ...runtimeOf({}), spec };
    assert.throws(() => multiNodeOf(inputOf({}, { runtime })), {
      reason: "InvalidWorkerSpecNotSet",
      message: "you cannot set WorkerSpec in the InferenceService if the ServingRuntime does not have a WorkerSpec",
    });
  });
  it("needs a worker container in it", () =>
    assert.throws(() => multiNodeOf(inputOf({}, { runtime: runtimeOf({ workerSpec: { containers: [] } }) })), {
      message: "No workerSpec container configuration found in selected serving runtime",
    }));
  it("names its Services by generation", () =>
    assert.deepEqual(groupServices("m-blue-predictor", "7"), { head: "m-blue-head-7", workers: "m-blue-workers-7" }));
});
