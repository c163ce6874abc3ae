// SPDX-License-Identifier: Apache-2.0
// The CRDs of every kind of ours. Adding a kind: its folder, and one line in `undescribed`.
import type { CustomResourceDefinition, KubeObject } from "../core/index.ts";
import { type CustomResource, customResourceDefinition, type OtherVersion } from "../schema/custom-resource.ts";
import type { SchemaNode } from "../schema/structural.ts";
import { described } from "./descriptions/index.ts";
import { clusterStorageContainerResource } from "./v1alpha1/cluster-storage-container/schema.ts";
import { inferenceGraphResource } from "./v1alpha1/inference-graph/schema.ts";
import { localModelResources } from "./v1alpha1/local-model/schema.ts";
import { clusterServingRuntimeResource, servingRuntimeResource } from "./v1alpha1/serving-runtime/schema.ts";
import { trainedModelResource } from "./v1alpha1/trained-model/schema.ts";
import {
  llmInferenceServiceConfigResource,
  llmInferenceServiceResource,
} from "./v1alpha2/llm-inference-service/schema.ts";
import { inferenceServiceResource } from "./v1beta1/inference-service/schema.ts";

const undescribed: readonly CustomResource<KubeObject>[] = [
  inferenceServiceResource as CustomResource<KubeObject>,
  servingRuntimeResource as CustomResource<KubeObject>,
  clusterServingRuntimeResource as CustomResource<KubeObject>,
  clusterStorageContainerResource as CustomResource<KubeObject>,
  inferenceGraphResource as CustomResource<KubeObject>,
  trainedModelResource as CustomResource<KubeObject>,
  ...localModelResources,
  llmInferenceServiceResource as CustomResource<KubeObject>,
  llmInferenceServiceConfigResource as CustomResource<KubeObject>,
];

type Version = Pick<OtherVersion, "spec"> & Partial<Pick<OtherVersion, "status">>;

function withTexts<V extends Version>(version: V, kind: string): V {
  const at = (field: "spec" | "status") =>
    described(version[field] as unknown as SchemaNode, [kind.toLowerCase(), field]);
  return { ...version, spec: at("spec"), ...(version.status === undefined ? {} : { status: at("status") }) };
}

export const servingResources: readonly CustomResource<KubeObject>[] = undescribed.map((resource) => {
  const { kind } = resource.type;
  const others = resource.otherVersions?.map((version) => withTexts(version, kind));
  return { ...withTexts(resource, kind), ...(others === undefined ? {} : { otherVersions: others }) };
});

/** Where a cluster finds the conversion webhook: a CRD's `spec.conversion.webhook.clientConfig`. */
export type ConversionClient = NonNullable<
  NonNullable<NonNullable<CustomResourceDefinition["spec"]["conversion"]>["webhook"]>["clientConfig"]
>;

function withConversion(crd: CustomResourceDefinition, clientConfig: ConversionClient): CustomResourceDefinition {
  if (crd.spec.versions.length < 2) return crd;
  const webhook = { clientConfig, conversionReviewVersions: ["v1"] };
  return { ...crd, spec: { ...crd.spec, conversion: { strategy: "Webhook", webhook } } };
}

/**
 * Install before anything of group serving.kserve.io is read or written. `conversion`: the webhook that a real cluster
 * needs for kinds with several versions; without it only their stored version is of use there.
 */
export function servingCrds(options: { readonly conversion?: ConversionClient } = {}): CustomResourceDefinition[] {
  const { conversion } = options;
  const crds = servingResources.map(customResourceDefinition);
  return conversion === undefined ? crds : crds.map((crd) => withConversion(crd, conversion));
}
