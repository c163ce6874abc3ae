// SPDX-License-Identifier: Apache-2.0
// InferenceService v1beta1: every field of KServe v0.20 and the seed's spellings.
// Source: KServe pkg/apis/serving/v1beta1/{inference_service,predictor,transformer,explainer}.go.

import type { KubeObject, ResourceType } from "@serval/api/core/index.ts";
import type { CustomResource } from "@serval/api/schema/custom-resource.ts";
import {
  boolean,
  inline,
  int32,
  int64,
  integer,
  list,
  object,
  optional,
  text,
  textMap,
} from "@serval/api/schema/makers.ts";
import type { Static } from "typebox";
import {
  componentExtension,
  inlineContainer,
  inlinePodSpec,
  type LooseContainer,
  type LoosePodSpec,
  modelStorage,
  storageUris,
} from "../../component-schema.ts";
import { servingGroup } from "../../names.ts";
import { type InferenceServiceStatus, inferenceServiceStatus } from "./status-schema.ts";

const extensionProperties = {
  storageUri: optional(
    text({ description: "Where the model is: s3://, gs://, hf://, pvc://, oci://, https://, file://…" }),
  ),
  runtimeVersion: optional(text({ description: "Image tag that replaces the runtime's" })),
  protocolVersion: optional(text({ description: "v1, v2, grpc-v1 or grpc-v2" })),
  storage: optional(modelStorage),
  confidential: optional(object({ enabled: boolean(), resourceId: optional(text()) })),
};
const frameworkSpec = inline<LooseContainer, typeof extensionProperties>(object(extensionProperties), inlineContainer);

const modelProperties = {
  modelFormat: optional(object({ name: text(), version: optional(text()) })),
  runtime: optional(text({ description: "Name of a ServingRuntime or ClusterServingRuntime; chosen when absent" })),
  ...extensionProperties,
};
const modelSpec = inline<LooseContainer, typeof modelProperties>(object(modelProperties), inlineContainer);

const workerProperties = {
  pipelineParallelSize: optional(integer()),
  tensorParallelSize: optional(integer()),
};
// KServe's worker keeps ephemeralContainers, unlike its components.
const workerSpec = inline<LoosePodSpec, typeof workerProperties>(object(workerProperties), {
  ...inlinePodSpec,
  omit: [],
});

/** KServe's legacy keys, in the order in which its defaulter looks for them. */
export const frameworkNames = [
  "sklearn",
  "tensorflow",
  "xgboost",
  "pytorch",
  "triton",
  "onnx",
  "huggingface",
  "pmml",
  "lightgbm",
  "paddle",
] as const;

const predictorProperties = {
  name: optional(text({ pattern: "^[a-z]([-a-z0-9]*[a-z0-9])?$" })),
  sklearn: optional(frameworkSpec),
  xgboost: optional(frameworkSpec),
  tensorflow: optional(frameworkSpec),
  pytorch: optional(frameworkSpec),
  triton: optional(frameworkSpec),
  onnx: optional(frameworkSpec),
  huggingface: optional(frameworkSpec),
  pmml: optional(frameworkSpec),
  lightgbm: optional(frameworkSpec),
  paddle: optional(frameworkSpec),
  model: optional(modelSpec),
  workerSpec: optional(workerSpec),
  storageUris,
  storageContainerName: optional(text()),
  ...componentExtension,
};
export const predictorSpec = inline<LoosePodSpec, typeof predictorProperties>(
  object(predictorProperties),
  inlinePodSpec,
);

const transformerProperties = { storageUris, ...componentExtension };
export const transformerSpec = inline<LoosePodSpec, typeof transformerProperties>(
  object(transformerProperties),
  inlinePodSpec,
);

const artProperties = {
  type: optional(text()),
  storageUri: optional(text()),
  runtimeVersion: optional(text()),
  config: optional(textMap()),
  storage: optional(modelStorage),
};
const artSpec = inline<LooseContainer, typeof artProperties>(object(artProperties), inlineContainer);
const explainerProperties = { art: optional(artSpec), storageUris, ...componentExtension };
export const explainerSpec = inline<LoosePodSpec, typeof explainerProperties>(
  object(explainerProperties),
  inlinePodSpec,
);

export const inferenceServiceSpec = object({
  predictor: predictorSpec,
  transformer: optional(transformerSpec),
  explainer: optional(explainerSpec),
  canary: optional(
    list(object({ predictor: predictorSpec, trafficPercent: int32({ minimum: 0, maximum: 100 }) }), {
      "x-kubernetes-list-type": "atomic",
    }),
  ),
  canaryTrafficPercent: optional(
    int64({ description: "The seed's spelling of predictor.canaryTrafficPercent; both set must agree" }),
  ),
});

export type PredictorSpec = Static<typeof predictorSpec>;
export type TransformerSpec = Static<typeof transformerSpec>;
export type ExplainerSpec = Static<typeof explainerSpec>;
export type ModelSpec = Static<typeof modelSpec>;
export type FrameworkSpec = Static<typeof frameworkSpec>;
export type InferenceServiceSpec = Static<typeof inferenceServiceSpec>;

export interface InferenceService extends KubeObject {
  spec: InferenceServiceSpec;
  status?: InferenceServiceStatus | undefined;
}

export const inferenceServices: ResourceType<InferenceService> = {
  group: servingGroup,
  version: "v1beta1",
  kind: "InferenceService",
  plural: "inferenceservices",
  namespaced: true,
};

const traffic = ".status.components.predictor.traffic";
export const inferenceServiceResource: CustomResource<InferenceService> = {
  type: inferenceServices,
  singular: "inferenceservice",
  shortNames: ["isvc"],
  categories: ["serving"],
  description: "A model behind one URL: a predictor and, optionally, a transformer and an explainer around it",
  columns: [
    { name: "URL", type: "string", jsonPath: ".status.url" },
    { name: "Ready", type: "string", jsonPath: ".status.conditions[?(@.type=='Ready')].status" },
    { name: "Prev", type: "integer", jsonPath: `${traffic}[?(@.tag=='prev')].percent` },
    { name: "Latest", type: "integer", jsonPath: `${traffic}[?(@.latestRevision==true)].percent` },
    { name: "PrevRolledoutRevision", type: "string", jsonPath: `${traffic}[?(@.tag=='prev')].revisionName` },
    { name: "LatestReadyRevision", type: "string", jsonPath: `${traffic}[?(@.latestRevision==true)].revisionName` },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
    { name: "Reason", type: "string", jsonPath: ".status.serval.reason" },
    { name: "Progress", type: "string", jsonPath: ".status.serval.progress.text" },
  ],
  spec: inferenceServiceSpec,
  status: inferenceServiceStatus,
  hasStatusSubresource: true,
};
