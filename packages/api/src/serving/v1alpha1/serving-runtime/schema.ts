// SPDX-License-Identifier: Apache-2.0
// ServingRuntime and ClusterServingRuntime v1alpha1: the same spec in two scopes.
// Source: KServe pkg/apis/serving/v1alpha1/servingruntime_types.go; `models` and `modelTTL` fields are the seed's.

import type {
  Affinity,
  Container,
  EnvVar,
  KubeObject,
  LocalObjectReference,
  PodResourceClaim,
  ResourceType,
  Toleration,
  Volume,
} from "@serval/api/core/index.ts";
import type { CustomResource, PrinterColumn } from "@serval/api/schema/custom-resource.ts";
import {
  anyJson,
  boolean,
  core,
  int32,
  integer,
  intOrString,
  list,
  object,
  optional,
  text,
  textMap,
} from "@serval/api/schema/makers.ts";
import type { Static } from "typebox";
import { servingGroup } from "../../names.ts";

const coreV1 = "io.k8s.api.core.v1.";

const podProperties = {
  containers: list(core<Container>(`${coreV1}Container`)),
  volumes: optional(list(core<Volume>(`${coreV1}Volume`))),
  nodeSelector: optional(textMap()),
  affinity: optional(core<Affinity>(`${coreV1}Affinity`)),
  tolerations: optional(list(core<Toleration>(`${coreV1}Toleration`))),
  labels: optional(textMap()),
  annotations: optional(textMap()),
  imagePullSecrets: optional(list(core<LocalObjectReference>(`${coreV1}LocalObjectReference`))),
  hostIPC: optional(boolean()),
  schedulerName: optional(text()),
  resourceClaims: optional(
    list(core<PodResourceClaim>(`${coreV1}PodResourceClaim`), {
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
    }),
  ),
};

export const servingRuntimeSpec = object({
  supportedModelFormats: optional(
    list(
      object({
        name: text(),
        version: optional(text({ description: "Compared as text: 1 does not match 1.2" })),
        autoSelect: optional(boolean({ description: "May be chosen for a model that names no runtime" })),
        priority: optional(int32({ minimum: 1, description: "Higher is preferred" })),
      }),
    ),
  ),
  /** The seed writes `{ replicas }` here: a schema of one type would drop it before admission can read it (ADR 0010). */
  multiModel: optional(
    anyJson<boolean>({
      description: "true: many models share the runtime's pods; { replicas } says how many pods too",
    }),
  ),
  disabled: optional(boolean()),
  protocolVersions: optional(list(text(), { description: "v1, v2, grpc-v1, grpc-v2; none: any" })),
  workerSpec: optional(
    object({
      ...podProperties,
      pipelineParallelSize: optional(integer()),
      tensorParallelSize: optional(integer()),
    }),
  ),
  ...podProperties,
  grpcEndpoint: optional(text()),
  grpcDataEndpoint: optional(text()),
  httpDataEndpoint: optional(text()),
  replicas: optional(integer()),
  /** The seed's spelling of how long a model that nobody asks for stays in memory. */
  modelTTL: optional(
    intOrString({ description: "How long an idle model of a multi-model runtime stays loaded: seconds, or 30m, 1h" }),
  ),
  storageHelper: optional(object({ disabled: optional(boolean()) })),
  builtInAdapter: optional(
    object({
      serverType: optional(text()),
      runtimeManagementPort: optional(integer()),
      memBufferBytes: optional(integer()),
      modelLoadingTimeoutMillis: optional(integer()),
      env: optional(list(core<EnvVar>(`${coreV1}EnvVar`))),
    }),
  ),
});
export type ServingRuntimeSpec = Static<typeof servingRuntimeSpec>;

export interface ServingRuntime extends KubeObject {
  spec: ServingRuntimeSpec;
}
/** Same shape, cluster-scoped. */
export type ClusterServingRuntime = ServingRuntime;

const runtimeType = (kind: string, namespaced: boolean): ResourceType<ServingRuntime> => ({
  group: servingGroup,
  version: "v1alpha1",
  kind,
  plural: `${kind.toLowerCase()}s`,
  namespaced,
});
export const servingRuntimes: ResourceType<ServingRuntime> = runtimeType("ServingRuntime", true);
export const clusterServingRuntimes: ResourceType<ClusterServingRuntime> = runtimeType("ClusterServingRuntime", false);

const columns: readonly PrinterColumn[] = [
  { name: "Disabled", type: "boolean", jsonPath: ".spec.disabled" },
  { name: "ModelType", type: "string", jsonPath: ".spec.supportedModelFormats[*].name" },
  { name: "Containers", type: "string", jsonPath: ".spec.containers[*].name" },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
];

const runtimeResource = (type: ResourceType<ServingRuntime>): CustomResource<ServingRuntime> => ({
  type,
  singular: type.kind.toLowerCase(),
  shortNames: [],
  categories: ["serving"],
  description: "How a model format is served: a pod template with the formats, versions and protocols that it knows",
  columns,
  spec: servingRuntimeSpec,
  status: object({}),
  hasStatusSubresource: false,
});
export const servingRuntimeResource = runtimeResource(servingRuntimes);
export const clusterServingRuntimeResource = runtimeResource(clusterServingRuntimes);
