// SPDX-License-Identifier: Apache-2.0
// The pod that a runtime and a predictor make together. Source: KServe isvcutils MergeRuntimeContainers, MergePodSpec,
// ReplacePlaceholders, UpdateImageTag.
import {
  type Container,
  containerNames,
  frameworkNames,
  type InferenceService,
  type ModelSpec,
  type PodSpec,
  renderDeep,
  ServalError,
  type ServingRuntime,
  TemplateError,
} from "@serval/api";
import { mergeContainers, mergePodSpecs } from "./core-schema.ts";
import { serverTypeOf } from "./runtime-defaults.ts";

/** Go's ObjectMeta, as runtime templates see it. */
const templateValues = ({ metadata }: InferenceService): Record<string, unknown> => ({
  Name: metadata.name ?? "",
  Namespace: metadata.namespace ?? "",
  Labels: metadata.labels ?? {},
  Annotations: metadata.annotations ?? {},
  UID: metadata.uid ?? "",
  Generation: metadata.generation ?? 0,
});

function rendered(container: Container, isvc: InferenceService, runtime: ServingRuntime): Container {
  try {
    return renderDeep(container, templateValues(isvc));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const message = `failed to replace placeholders in serving runtime ${runtime.metadata.name} Container ${container.name}`;
    throw new ServalError("InvalidPredictorSpec", message, {
      cause: error,
      fix: `Correct the runtime: ${error.message}`,
    });
  }
}

/** The user's part over the runtime's; arguments are appended, never replaced. */
export function mergedContainer(base: Container, over: Partial<Container>): Container {
  const { args: _args, name: _name, ...rest } = over;
  const merged = mergeContainers(base, rest);
  const args = [...(base.args ?? []), ...(over.args ?? [])];
  return { ...merged, name: base.name, ...(args.length === 0 ? {} : { args }) };
}

const gpuTagTypes: ReadonlySet<string> = new Set(["tensorflow-serving", "torchserve", "huggingfaceserver"]);
const tag = /(:([\w.\-_]*))$/;

const hasNvidia = ({ resources }: Container): boolean =>
  Object.keys(resources?.limits ?? {}).some((name) => name === "nvidia.com/gpu" || name.startsWith("nvidia.com/mig"));

/** runtimeVersion replaces the tag; some servers have own images for GPU or CPU. */
function imageOf(container: Container, serverType: string, runtimeVersion: string | undefined): string {
  const image = container.image ?? "";
  if (image.includes("@sha256:")) return image;
  if (runtimeVersion !== undefined && runtimeVersion !== "")
    return tag.test(image) ? image.replace(tag, `:${runtimeVersion}`) : `${image}:${runtimeVersion}`;
  if (hasNvidia(container)) {
    const needsTag = gpuTagTypes.has(serverType) && tag.test(image) && !image.endsWith("-gpu");
    return needsTag ? `${image}-gpu` : image;
  }
  if (serverType !== "vllmserver") return image;
  // KServe: the CPU build of vLLM is another repository.
  return tag.test(image) ? image.replace(tag, "-cpu$1") : `${image}-cpu`;
}

/** What of a model is a container. */
function containerPart(model: ModelSpec): Partial<Container> {
  const {
    modelFormat: _format,
    runtime: _runtime,
    storageUri: _uri,
    storage: _storage,
    runtimeVersion: _version,
    protocolVersion: _protocol,
    confidential: _confidential,
    ...container
  } = model;
  return container as Partial<Container>;
}

/** Which fields of a runtime are those of a pod. */
export function runtimePodSpec({ spec }: ServingRuntime): Partial<PodSpec> {
  const { nodeSelector, affinity, tolerations, volumes, imagePullSecrets, schedulerName, resourceClaims } = spec;
  const given = { nodeSelector, affinity, tolerations, volumes, imagePullSecrets, schedulerName, resourceClaims };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** Fields of a predictor that are not those of a pod. */
const notOfPod: readonly string[] = [
  "name",
  "model",
  ...frameworkNames,
  "art",
  "workerSpec",
  "storageUris",
  "storageContainerName",
  "minReplicas",
  "maxReplicas",
  "scaleTarget",
  "scaleMetric",
  "scaleMetricType",
  "autoScaling",
  "containerConcurrency",
  "timeout",
  "canaryTrafficPercent",
  "logger",
  "batcher",
  "labels",
  "annotations",
  "deploymentStrategy",
];

/** The pod part of a component's spec. */
export const podPart = (component: object): Partial<PodSpec> =>
  Object.fromEntries(Object.entries(component).filter(([key]) => !notOfPod.includes(key)));

/** @throws ServalError InvalidPredictorSpec with KServe's text. */
export function runtimePod(isvc: InferenceService, runtime: ServingRuntime): PodSpec {
  const { predictor } = isvc.spec;
  const model = predictor.model ?? {};
  const containers = runtime.spec.containers ?? [];
  if (containers.length === 0)
    throw new ServalError("InvalidPredictorSpec", "no container configuration found in selected serving runtime");
  const base = containers.find(({ name }) => name === containerNames.model);
  if (base === undefined)
    throw new ServalError("InvalidPredictorSpec", "failed to find kserve-container in ServingRuntime containers");
  const merged = rendered(mergedContainer(base, containerPart(model)), isvc, runtime);
  const image = imageOf(merged, serverTypeOf(runtime), model.runtimeVersion);
  const own = predictor.containers ?? [];
  const isTransformer = ({ name }: Container): boolean => name === containerNames.transformer;
  const runtimeTransformer = containers.find(isTransformer);
  const ownTransformer = own.find(isTransformer);
  const transformer =
    runtimeTransformer === undefined
      ? ownTransformer
      : rendered(mergedContainer(runtimeTransformer, ownTransformer ?? {}), isvc, runtime);
  const { containers: _containers, ...pod } = podPart(predictor);
  return {
    ...mergePodSpecs(runtimePodSpec(runtime), pod),
    containers: [
      { ...merged, image },
      ...(transformer === undefined ? [] : [transformer]),
      ...containers.filter((container) => container !== base && !isTransformer(container)),
      ...own.filter((container) => !isTransformer(container)),
    ],
  };
}
