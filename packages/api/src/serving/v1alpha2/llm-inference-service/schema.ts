// SPDX-License-Identifier: Apache-2.0
// LLMInferenceService and LLMInferenceServiceConfig, v1alpha2 (stored) and v1alpha1 (served).
// Source: KServe pkg/apis/serving/{v1alpha2,v1alpha1}/llm_inference_service_types.go.
import type { KubeObject, ResourceType } from "@serval/api/core/index.ts";
import type { CustomResource, PrinterColumn } from "@serval/api/schema/custom-resource.ts";
import {
  anyJson,
  boolean,
  int32,
  list,
  object,
  oneOf,
  optional,
  relaxed,
  text,
  withRules,
} from "@serval/api/schema/makers.ts";
import type { Static, TProperties, TSchema } from "typebox";
import { servingGroup } from "../../names.ts";
import { llmFromV1alpha1, llmToV1alpha1 } from "./conversion.ts";
import { llmRouter, localReference, poolSpec, poolSpecV1alpha1 } from "./router-schema.ts";
import {
  type LlmStatus,
  llmConfigStatus,
  llmConfigStatusV1alpha1,
  llmStatus,
  llmStatusV1alpha1,
} from "./status-schema.ts";
import { llmPodSpec, replicasOrScaling, workload, workloadBase } from "./workload-schema.ts";

const atLeastOne = (description: string) => optional(int32({ minimum: 1, description }));

/** One adapter has the shape of a model; a CRD cannot recurse, so the schema stops here and rules check the rest. */
export interface LlmAdapter {
  uri?: string;
  name?: string;
}

const modelBase = {
  uri: text({ description: "hf://, s3://, pvc://, oci:// or oci+native://" }),
  name: optional(text({ description: "What clients put into `model`; the object's name when absent" })),
  lora: optional(
    object({
      adapters: optional(anyJson<LlmAdapter[]>()),
      maxRank: atLeastOne("Largest rank of an adapter"),
      maxAdapters: atLeastOne("Adapters in one batch; the number of adapters when absent"),
      maxCpuAdapters: atLeastOne("Adapters kept in main memory; the number of adapters when absent"),
    }),
  ),
};

const model = object({
  ...modelBase,
  confidential: optional(object({ enabled: boolean(), resourceId: optional(text()) })),
});
const modelV1alpha1 = object({
  ...modelBase,
  criticality: optional(oneOf(["Critical", "Standard", "Sheddable"])),
});

const common = {
  storageInitializer: optional(object({ enabled: optional(boolean()) })),
  tracing: optional(
    object({
      exporterEndpoint: optional(text()),
      sampler: optional(text()),
      samplerArg: optional(text()),
      exporter: optional(text()),
    }),
  ),
  baseRefs: optional(
    list(localReference, { description: "LLMInferenceServiceConfigs, merged in order, the last one wins" }),
  ),
};

const specOf = <Own extends TProperties, Model extends TSchema, Pool extends TSchema>(parts: {
  readonly own: Own;
  readonly model: Model;
  readonly pool: Pool;
  readonly isPreset: boolean;
}) =>
  withRules(
    object({
      ...parts.own,
      ...common,
      model: optional(parts.model),
      prefill: optional(withRules(object(parts.own), [replicasOrScaling])),
      router: optional(llmRouter({ pool: parts.pool, isPreset: parts.isPreset })),
    }),
    [replicasOrScaling],
  );

const podOf = (isPreset: boolean) => (isPreset ? relaxed(llmPodSpec) : llmPodSpec);
const spec = (isPreset: boolean) => specOf({ own: workload(podOf(isPreset)), model, pool: poolSpec, isPreset });
const specV1alpha1 = (isPreset: boolean) =>
  specOf({ own: workloadBase(podOf(isPreset)), model: modelV1alpha1, pool: poolSpecV1alpha1, isPreset });

export const llmInferenceServiceSpec = spec(false);
export type LlmInferenceServiceSpec = Static<typeof llmInferenceServiceSpec>;

export interface LlmInferenceService extends KubeObject {
  spec: LlmInferenceServiceSpec;
  status?: LlmStatus | undefined;
}
/** A preset: the same fields, all of them optional. */
export interface LlmInferenceServiceConfig extends KubeObject {
  spec: LlmInferenceServiceSpec;
  status?: Static<typeof llmConfigStatus> | undefined;
}

const typeOf = <T extends KubeObject>(kind: string): ResourceType<T> => ({
  group: servingGroup,
  version: "v1alpha2",
  kind,
  plural: `${kind.toLowerCase()}s`,
  namespaced: true,
});
export const llmInferenceServices = typeOf<LlmInferenceService>("LLMInferenceService");
export const llmInferenceServiceConfigs = typeOf<LlmInferenceServiceConfig>("LLMInferenceServiceConfig");

const ready = ".status.conditions[?(@.type=='Ready')]";
const columns: readonly PrinterColumn[] = [
  { name: "Ready", type: "string", jsonPath: `${ready}.status` },
  { name: "Reason", type: "string", jsonPath: `${ready}.reason` },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
];

export const llmInferenceServiceResource: CustomResource<LlmInferenceService> = {
  type: llmInferenceServices,
  singular: "llminferenceservice",
  shortNames: ["llmisvc"],
  categories: ["serving"],
  description: "A large language model behind one URL, on one or many nodes, with routing that knows its cache",
  columns: [
    { name: "URL", type: "string", jsonPath: ".status.url" },
    ...columns,
    { name: "URLs", type: "string", jsonPath: ".status.addresses[*].url", priority: 1 },
  ],
  spec: llmInferenceServiceSpec,
  status: llmStatus,
  hasStatusSubresource: true,
  otherVersions: [
    {
      name: "v1alpha1",
      spec: specV1alpha1(false),
      status: llmStatusV1alpha1,
      fromStored: llmToV1alpha1,
      toStored: llmFromV1alpha1,
    },
  ],
};

export const llmInferenceServiceConfigResource: CustomResource<LlmInferenceServiceConfig> = {
  type: llmInferenceServiceConfigs,
  singular: "llminferenceserviceconfig",
  shortNames: [],
  categories: ["serving"],
  description: "Settings that several LLMInferenceServices share; the controller's own presets are of this kind too",
  columns,
  spec: spec(true),
  status: llmConfigStatus,
  hasStatusSubresource: true,
  otherVersions: [
    {
      name: "v1alpha1",
      spec: specV1alpha1(true),
      status: llmConfigStatusV1alpha1,
      fromStored: llmToV1alpha1,
      toStored: llmFromV1alpha1,
    },
  ],
};
