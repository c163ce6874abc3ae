// SPDX-License-Identifier: Apache-2.0
// The kinds of group serving.kserve.io, one folder per version and kind. A new kind: its folder, crds.ts, one line here.
export type {
  ComponentExtension,
  ComponentMetric,
  LooseContainer,
  LoosePodSpec,
  ServingCondition,
} from "./component-schema.ts";
export * from "./conversion.ts";
export * from "./crds.ts";
export * from "./go-template.ts";
export * from "./modes.ts";
export * from "./names.ts";
export * from "./quantity.ts";
export * from "./serval-status.ts";
export * from "./v1alpha1/cluster-storage-container/rules.ts";
export * from "./v1alpha1/cluster-storage-container/schema.ts";
export * from "./v1alpha1/inference-graph/rules.ts";
export * from "./v1alpha1/inference-graph/schema.ts";
export * from "./v1alpha1/local-model/match.ts";
export * from "./v1alpha1/local-model/rules.ts";
export * from "./v1alpha1/local-model/schema.ts";
export * from "./v1alpha1/serving-runtime/index.ts";
export * from "./v1alpha1/trained-model/rules.ts";
export * from "./v1alpha1/trained-model/schema.ts";
export * from "./v1alpha2/llm-inference-service/index.ts";
export * from "./v1beta1/inference-service/index.ts";
