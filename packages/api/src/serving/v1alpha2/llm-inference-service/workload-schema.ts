// SPDX-License-Identifier: Apache-2.0
// One workload of an LLM: its pods, how many, how they work together. The top level of the spec is one (the whole model,
// or its decode half), `prefill` another.
import type { PersistentVolumeClaimSpec, PodSpec } from "@serval/api/core/index.ts";
import type { ObjectRule } from "@serval/api/schema/makers.ts";
import {
  boolean,
  core,
  inline,
  int32,
  intOrString,
  list,
  object,
  oneOf,
  optional,
  quantity,
  text,
  textMap,
} from "@serval/api/schema/makers.ts";
import type { Static } from "typebox";
import { llmScaling } from "./scaling-schema.ts";

const podSpecName = "io.k8s.api.core.v1.PodSpec";
/** A pod whose containers may come from presets. */
export type LlmPodSpec = Omit<PodSpec, "containers"> & Partial<Pick<PodSpec, "containers">>;
export const llmPodSpec = inline<LlmPodSpec, Record<never, never>>(object({}), {
  name: podSpecName,
  loosen: ["containers"],
});
export const wholePodSpec = core<PodSpec>(podSpecName);

export const parallelism = object({
  tensor: optional(int32({ minimum: 1, description: "GPUs that share each layer" })),
  pipeline: optional(int32({ minimum: 1, description: "Stages of layers, one after the other" })),
  data: optional(int32({ minimum: 1, description: "Copies of the model in all pods together" })),
  dataLocal: optional(int32({ minimum: 1, description: "Copies of the model in one pod" })),
  dataRPCPort: optional(int32({ minimum: 1, maximum: 65535 })),
  expert: optional(boolean({ description: "Spread the experts of a mixture over the GPUs" })),
});
export type LlmParallelism = Static<typeof parallelism>;

export const kvCacheOffloading = object({
  cpu: quantity(),
  evictionPolicy: optional(oneOf(["lru", "arc"], { default: "lru" })),
  secondary: optional(
    list(
      object({
        fileSystem: optional(
          object({
            emptyDir: optional(object({ size: quantity() })),
            pvc: optional(
              object({
                spec: optional(core<PersistentVolumeClaimSpec>("io.k8s.api.core.v1.PersistentVolumeClaimSpec")),
                ref: optional(object({ name: text(), path: optional(text()) })),
              }),
            ),
          }),
        ),
      }),
    ),
  ),
});
export type KvCacheOffloading = Static<typeof kvCacheOffloading>;

type Pod = typeof llmPodSpec;

/** What v1alpha1 has too. `pod`: the schema of its pods. */
export const workloadBase = (pod: Pod = llmPodSpec) => ({
  replicas: optional(int32({ minimum: 0, description: "A fixed number; excludes scaling" })),
  scaling: optional(llmScaling),
  parallelism: optional(parallelism),
  labels: optional(textMap()),
  annotations: optional(textMap()),
  template: optional(pod),
  worker: optional(pod),
  rolloutStrategy: optional(object({ maxUnavailable: optional(intOrString()), maxSurge: optional(intOrString()) })),
});
export const workload = (pod: Pod = llmPodSpec) => ({
  ...workloadBase(pod),
  kvCacheOffloading: optional(kvCacheOffloading),
});
const workloadObject = object(workload());
export type LlmWorkload = Static<typeof workloadObject>;

export const replicasOrScaling: ObjectRule = {
  message:
    "replicas and scaling are mutually exclusive; use scaling for autoscaled deployments or replicas for static deployments",
  cel: "!(has(self.replicas) && has(self.scaling))",
  holds: ({ replicas, scaling }: LlmWorkload) => replicas === undefined || scaling === undefined,
};
