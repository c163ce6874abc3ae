// SPDX-License-Identifier: Apache-2.0
// A model on several nodes: what head and workers are told, and the workers' pod. Pure.
// Source: KServe predictor.go multiNodeProcess.
import {
  annotations,
  type Container,
  containerNames,
  type EnvVar,
  gpuResourceTypes,
  type InferenceService,
  modelMountPath,
  type PodSpec,
  ServalError,
  type ServingConfig,
  type ServingRuntime,
} from "@serval/api";
import type { PodStage } from "./context.ts";
import { mergePodSpecs } from "./core-schema.ts";
import { type Group, multiprocessingGroup, rayGroup, type Sizes } from "./multi-node-sizing.ts";
import { changeContainers, textEnv, withEnv } from "./parts.ts";
import { mergedContainer, podPart, runtimePodSpec } from "./runtime.ts";

/** One pod of a group: what its container is told and gets. */
export interface GroupMember {
  readonly isWorker: boolean;
  readonly env: readonly EnvVar[];
  readonly gpu: { readonly type: string; readonly count: number };
}

export interface MultiNode {
  readonly group: Group;
  readonly head: GroupMember;
  readonly worker: GroupMember;
  readonly workerPod: PodSpec;
  readonly generation: string;
}

/** Of the group's generation: pods find their own generation's head by it. */
export const groupServices = (predictorName: string, generation: string): { head: string; workers: string } => {
  const base = predictorName.replace(/-predictor$/, "");
  return { head: `${base}-head-${generation}`, workers: `${base}-workers-${generation}` };
};

export interface MultiNodeInput {
  readonly isvc: InferenceService;
  readonly config: ServingConfig;
  readonly runtime: ServingRuntime | undefined;
  /** Of the predictor's objects. */
  readonly name: string;
  readonly sourceUri: string | undefined;
  /** The head's pod, merged. */
  readonly pod: PodSpec;
}

type WorkerSpec = NonNullable<ServingRuntime["spec"]["workerSpec"]>;

function runtimeWorker({ runtime }: MultiNodeInput): WorkerSpec {
  const worker = runtime?.spec.workerSpec;
  if (worker === undefined)
    throw new ServalError(
      "InvalidWorkerSpecNotSet",
      "you cannot set WorkerSpec in the InferenceService if the ServingRuntime does not have a WorkerSpec",
    );
  if (worker.containers.length === 0)
    throw new ServalError(
      "InvalidPredictorSpec",
      "No workerSpec container configuration found in selected serving runtime",
      { fix: `Give spec.workerSpec of the runtime ${runtime?.metadata.name} a ${containerNames.worker}` },
    );
  return worker;
}

/** The runtime's worker with the user's part over it. Templates are not expanded there (KServe). */
function workerPodOf({ isvc }: MultiNodeInput, worker: WorkerSpec): PodSpec {
  const own = isvc.spec.predictor.workerSpec ?? {};
  const base = worker.containers.find(({ name }) => name === containerNames.worker);
  if (base === undefined)
    throw new ServalError("InvalidPredictorSpec", "failed to find worker-container in ServingRuntime containers", {
      fix: `Name the container of spec.workerSpec ${containerNames.worker}`,
    });
  const {
    containers = [],
    pipelineParallelSize: _pipeline,
    tensorParallelSize: _tensor,
    ...pod
  } = own as typeof own & { containers?: Container[] };
  const merged = mergePodSpecs(runtimePodSpec({ spec: worker } as ServingRuntime), podPart(pod));
  return { ...merged, containers: [mergedContainer(base, containers[0] ?? {})] };
}

/** A size of the service wins over the runtime's. */
function sizesOf({ isvc }: MultiNodeInput, worker: WorkerSpec): Sizes {
  const own = isvc.spec.predictor.workerSpec;
  return {
    pipelineParallelSize: own?.pipelineParallelSize ?? worker.pipelineParallelSize ?? 1,
    tensorParallelSize: own?.tensorParallelSize ?? worker.tensorParallelSize ?? 1,
  };
}

function gpuTypes({ isvc, config, runtime }: MultiNodeInput): readonly string[] {
  const ofService = gpuResourceTypes(isvc.metadata.annotations?.[annotations.gpuResourceTypes]) ?? [];
  const ofRuntime = gpuResourceTypes(runtime?.spec.annotations?.[annotations.gpuResourceTypes]) ?? [];
  return [...new Set([...ofService, ...ofRuntime, ...(config.multiNode.customGPUResourceTypeList ?? [])])];
}

const defaultGpu = "nvidia.com/gpu";

/** The first known GPU type of a container, with what it asks for; limits count where requests say nothing. */
function askedGpu({ resources }: Container, types: readonly string[]): { type: string; count: number } {
  const amounts = { ...resources?.limits, ...resources?.requests } as Readonly<Record<string, string | number>>;
  const type = types.find((candidate) => amounts[candidate] !== undefined);
  return type === undefined ? { type: defaultGpu, count: 0 } : { type, count: Number(amounts[type]) };
}

/** undefined: the service is not for several nodes. @throws ServalError with KServe's (intended) texts. */
export function multiNodeOf(input: MultiNodeInput): MultiNode | undefined {
  const { isvc, name, sourceUri = "", pod, runtime } = input;
  if (isvc.spec.predictor.workerSpec === undefined) return undefined;
  const worker = runtimeWorker(input);
  const workerPod = workerPodOf(input, worker);
  const sizes = sizesOf(input, worker);
  const types = gpuTypes(input);
  const [headContainer, workerContainer] = [pod.containers[0], workerPod.containers[0]];
  const head = askedGpu(headContainer ?? { name: "" }, types);
  const ofWorker = askedGpu(workerContainer ?? { name: "" }, types);
  const isMultiprocessing = runtime?.spec.annotations?.[annotations.executorBackend] === "mp";
  const group = isMultiprocessing
    ? multiprocessingGroup(sizes)
    : rayGroup(sizes, { head: head.count, worker: ofWorker.count });
  const generation = `${isvc.metadata.generation ?? 1}`;
  const services = groupServices(name, generation);
  const sizesEnv = [
    textEnv("PIPELINE_PARALLEL_SIZE", `${sizes.pipelineParallelSize}`),
    textEnv("TENSOR_PARALLEL_SIZE", `${sizes.tensorParallelSize}`),
  ];
  const groupEnv = (gpus: number): EnvVar[] => [
    textEnv("RAY_NODE_COUNT", `${group.nodes}`),
    textEnv("REQUEST_GPU_COUNT", `${gpus}`),
  ];
  const serviceName = isvc.metadata.name ?? "";
  const hasModelFolder = /^(pvc|oci(\+\w+)?):\/\//.test(sourceUri);
  return {
    group,
    generation,
    workerPod,
    head: {
      isWorker: false,
      gpu: { type: head.type, count: group.headGpus },
      env: [
        ...sizesEnv,
        ...groupEnv(group.headGpus),
        textEnv("MODEL_NAME", serviceName),
        ...(hasModelFolder ? [textEnv("MODEL_DIR", modelMountPath)] : []),
      ],
    },
    worker: {
      isWorker: true,
      gpu: { type: ofWorker.type, count: group.workerGpus },
      env: [
        ...groupEnv(group.workerGpus),
        ...sizesEnv,
        textEnv("ISVC_NAME", serviceName),
        textEnv("HEAD_SVC", services.head),
        textEnv("WORKER_SVC", services.workers),
      ],
    },
  };
}

function withGpus(container: Container, { type, count }: GroupMember["gpu"]): Container {
  const amount = { [type]: `${count}` };
  const { limits, requests } = container.resources ?? {};
  return {
    ...container,
    resources: { ...container.resources, limits: { ...limits, ...amount }, requests: { ...requests, ...amount } },
  };
}

export const groupMember: PodStage = (template, { group }) => {
  if (group === undefined) return template;
  const name = group.isWorker ? containerNames.worker : containerNames.model;
  return changeContainers(template, [name], (container) => withGpus(withEnv(container, group.env), group.gpu));
};
