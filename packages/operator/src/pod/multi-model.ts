// SPDX-License-Identifier: Apache-2.0
// One server for many models: the agent's puller loads and unloads them as TrainedModels come and go.
// Source: KServe IsMMSPredictor, reconcilers/modelconfig.
import {
  type ConfigMap,
  containerNames,
  type InferenceService,
  internalAnnotations,
  modelMountPath,
  namespaceOf,
  type PredictorSpec,
  predictorImplementations,
  type ServingRuntime,
  type TrainedModel,
} from "@serval/api";
import { ownerReference } from "../modes/standard/object-meta.ts";
import type { PodContext } from "./context.ts";
import { serverTypeOf } from "./runtime-defaults.ts";

/** Servers that load and unload models while they run. */
const repositoryServers: ReadonlySet<string> = new Set([
  "mlserver",
  "tritonserver",
  "sklearnserver",
  "xgbserver",
  "lgbserver",
  "lightgbmserver",
  "pmmlserver",
  "paddleserver",
  "predictiveserver",
  "autogluonserver",
]);

/**
 * A model without any storage, of a server that can load models later; or own containers that say so. KServe counts
 * every format but huggingface, so that a vLLM that loads by itself gets a puller with nothing to pull.
 */
export function servesManyModels(predictor: PredictorSpec, runtime: ServingRuntime | undefined): boolean {
  const [implementation] = predictorImplementations(predictor);
  if (implementation?.kind === "custom")
    return (
      predictor.containers?.[0]?.env?.some(({ name, value }) => name === "MULTI_MODEL_SERVER" && value === "true") ===
      true
    );
  if (implementation === undefined || implementation.kind === "art" || runtime === undefined) return false;
  const { storageUri, storage } = implementation.spec;
  if (storageUri !== undefined || storage !== undefined || predictor.storageUris !== undefined) return false;
  return runtime.spec.multiModel === true || repositoryServers.has(serverTypeOf(runtime));
}

export const isMultiModel = ({ isMultiModel: flag }: Pick<PodContext, "isMultiModel">): boolean => flag === true;

/** One shard, as KServe has it. */
export const modelConfigName = ({ metadata }: InferenceService): string => `modelconfig-${metadata.name}-0`;
export const modelConfigFolder = "/mnt/configs";

/** KServe's messages to its pod webhook, on every object of the predictor. */
export const multiModelNotes = (isvc: InferenceService): Record<string, string> => ({
  [internalAnnotations.agent]: "true",
  [internalAnnotations.configVolumeName]: modelConfigName(isvc),
  [internalAnnotations.configMountPath]: modelConfigFolder,
  [internalAnnotations.modelDir]: modelMountPath,
});

/** One entry of the puller's list, its fields in the order of KServe's structs. */
const entryOf = ({ metadata, spec: { model } }: TrainedModel) => ({
  modelName: metadata.name,
  modelSpec: { storageUri: model.storageUri, framework: model.framework, memory: `${model.memory}` },
});

/** The list of models that the puller follows: those that were given memory, by name. */
export const modelConfigMap = (isvc: InferenceService, models: readonly TrainedModel[]): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: {
    name: modelConfigName(isvc),
    namespace: namespaceOf(isvc),
    ...(isvc.metadata.labels === undefined ? {} : { labels: { ...isvc.metadata.labels } }),
    ownerReferences: [ownerReference(isvc)],
  },
  data: { "models.json": JSON.stringify(models.map(entryOf)) },
});

export const pullerMounts = {
  models: { name: "model-dir", mountPath: modelMountPath },
  config: { name: "model-config", mountPath: modelConfigFolder },
  reader: containerNames.model,
} as const;
