// SPDX-License-Identifier: Apache-2.0
// TrainedModel v1alpha1: a model that is loaded into a running multi-model InferenceService.
// Source: KServe pkg/apis/serving/v1alpha1/trainedmodel_types.go.
import type { KubeObject, ResourceType } from "@serval/api/core/index.ts";
import type { CustomResource } from "@serval/api/schema/custom-resource.ts";
import { int64, list, object, optional, quantity, text, textMap } from "@serval/api/schema/makers.ts";
import type { Static } from "typebox";
import { addressable, condition } from "../../component-schema.ts";
import { servingGroup } from "../../names.ts";

export const trainedModelSpec = object({
  inferenceService: text({ description: "The multi-model InferenceService that serves the model" }),
  model: object({
    storageUri: text({ description: "s3://, gs://, https:// or http://" }),
    framework: text(),
    memory: quantity(),
  }),
});
export type TrainedModelSpec = Static<typeof trainedModelSpec>;

export const trainedModelStatus = object({
  observedGeneration: optional(int64()),
  conditions: optional(list(condition)),
  annotations: optional(textMap()),
  url: optional(text()),
  address: optional(addressable),
});
export type TrainedModelStatus = Static<typeof trainedModelStatus>;

export interface TrainedModel extends KubeObject {
  spec: TrainedModelSpec;
  status?: TrainedModelStatus | undefined;
}

export const trainedModels: ResourceType<TrainedModel> = {
  group: servingGroup,
  version: "v1alpha1",
  kind: "TrainedModel",
  plural: "trainedmodels",
  namespaced: true,
};

export const trainedModelResource: CustomResource<TrainedModel> = {
  type: trainedModels,
  singular: "trainedmodel",
  shortNames: ["tm"],
  categories: ["serving"],
  description: "A model inside a multi-model InferenceService",
  columns: [
    { name: "URL", type: "string", jsonPath: ".status.url" },
    { name: "Ready", type: "string", jsonPath: ".status.conditions[?(@.type=='Ready')].status" },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
  spec: trainedModelSpec,
  status: trainedModelStatus,
  hasStatusSubresource: true,
};
