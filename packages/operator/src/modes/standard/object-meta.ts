// SPDX-License-Identifier: Apache-2.0
// Metadata that every object of a component shares, and the reference that lets Kubernetes delete it with its owner.
import {
  type InferenceGraph,
  type InferenceService,
  inferenceGraphs,
  inferenceServices,
  type ObjectMeta,
  type OwnerReference,
} from "@serval/api";
import type { Component } from "../../controllers/inference-service/component.ts";

/** What owns workloads. Listed objects carry no kind, so it is told by what only a graph has. */
export type Owner = InferenceService | InferenceGraph;

export function ownerReference({ metadata, spec }: Owner): OwnerReference {
  const { group, version, kind } = "nodes" in spec ? inferenceGraphs : inferenceServices;
  return {
    apiVersion: `${group}/${version}`,
    kind,
    name: metadata.name ?? "",
    uid: metadata.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}

export const objectMeta = (
  component: Pick<Component, "name" | "labels" | "annotations">,
  owner: Owner,
): ObjectMeta => ({
  name: component.name,
  namespace: owner.metadata.namespace ?? "default",
  labels: { ...component.labels },
  ...(Object.keys(component.annotations).length === 0 ? {} : { annotations: { ...component.annotations } }),
  ownerReferences: [ownerReference(owner)],
});
