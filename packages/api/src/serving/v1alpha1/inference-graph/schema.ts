// SPDX-License-Identifier: Apache-2.0
// InferenceGraph v1alpha1: a graph of requests over services. Source: KServe pkg/apis/serving/v1alpha1/inference_graph.go.
import type { Affinity, KubeObject, ResourceRequirements, ResourceType, Toleration } from "@serval/api/core/index.ts";
import type { CustomResource } from "@serval/api/schema/custom-resource.ts";
import {
  boolean,
  core,
  int32,
  int64,
  list,
  map,
  object,
  oneOf,
  optional,
  text,
  textMap,
} from "@serval/api/schema/makers.ts";
import type { Static } from "typebox";
import { condition } from "../../component-schema.ts";
import { servingGroup } from "../../names.ts";
import { servalStatus } from "../../serval-status.ts";

const step = object({
  name: optional(text()),
  nodeName: optional(text({ description: "Another node of this graph" })),
  serviceName: optional(text({ description: "An InferenceService of the same namespace" })),
  serviceUrl: optional(text({ description: "Any URL that answers inference requests" })),
  data: optional(text({ description: "What the step gets: $request or $response.predictions" })),
  mapPredictionsToInstances: optional(boolean()),
  weight: optional(int64({ description: "Percent of requests, for the steps of a Splitter" })),
  condition: optional(text({ description: "A GJSON query on the request; the first that matches is taken" })),
  dependency: optional(oneOf(["Soft", "Hard"], { description: "Hard: the graph stops when the step fails" })),
});
export type InferenceStep = Static<typeof step>;

const node = object({
  routerType: oneOf(["Sequence", "Splitter", "Ensemble", "Switch"]),
  steps: optional(list(step)),
});
export type InferenceRouter = Static<typeof node>;

export const inferenceGraphSpec = object({
  nodes: map(node),
  resources: optional(core<ResourceRequirements>("io.k8s.api.core.v1.ResourceRequirements")),
  affinity: optional(core<Affinity>("io.k8s.api.core.v1.Affinity")),
  timeout: optional(int64({ description: "Seconds for the whole graph" })),
  routerTimeouts: optional(
    object({
      serverRead: optional(int64()),
      serverWrite: optional(int64()),
      serverIdle: optional(int64()),
      serviceClient: optional(int64()),
    }),
  ),
  minReplicas: optional(int32()),
  maxReplicas: optional(int32()),
  scaleTarget: optional(int32()),
  scaleMetric: optional(oneOf(["cpu", "memory", "concurrency", "rps"])),
  tolerations: optional(list(core<Toleration>("io.k8s.api.core.v1.Toleration"))),
  nodeSelector: optional(textMap()),
  nodeName: optional(text()),
  serviceAccountName: optional(text()),
});
export type InferenceGraphSpec = Static<typeof inferenceGraphSpec>;

export const inferenceGraphStatus = object({
  observedGeneration: optional(int64()),
  conditions: optional(list(condition)),
  annotations: optional(textMap()),
  url: optional(text()),
  deploymentMode: optional(text()),
  serval: optional(servalStatus),
});
export type InferenceGraphStatus = Static<typeof inferenceGraphStatus>;

export interface InferenceGraph extends KubeObject {
  spec: InferenceGraphSpec;
  status?: InferenceGraphStatus | undefined;
}

export const inferenceGraphs: ResourceType<InferenceGraph> = {
  group: servingGroup,
  version: "v1alpha1",
  kind: "InferenceGraph",
  plural: "inferencegraphs",
  namespaced: true,
};

export const inferenceGraphResource: CustomResource<InferenceGraph> = {
  type: inferenceGraphs,
  singular: "inferencegraph",
  shortNames: ["ig"],
  categories: ["serving"],
  description: "Requests that pass several services: in sequence, in parallel, by condition or by weight",
  columns: [
    { name: "URL", type: "string", jsonPath: ".status.url" },
    { name: "Ready", type: "string", jsonPath: ".status.conditions[?(@.type=='Ready')].status" },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
    { name: "Reason", type: "string", jsonPath: ".status.serval.reason" },
  ],
  spec: inferenceGraphSpec,
  status: inferenceGraphStatus,
  hasStatusSubresource: true,
};
