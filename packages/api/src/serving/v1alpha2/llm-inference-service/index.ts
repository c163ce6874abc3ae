// SPDX-License-Identifier: Apache-2.0
// LLMInferenceService and its presets.
export { criticalityAnnotations, llmFromV1alpha1, llmToV1alpha1 } from "./conversion.ts";
export * from "./defaults.ts";
export * from "./rules.ts";
export * from "./schema.ts";
export type { LlmStatus } from "./status-schema.ts";
export type { KvCacheOffloading, LlmParallelism, LlmPodSpec, LlmWorkload } from "./workload-schema.ts";
