// SPDX-License-Identifier: Apache-2.0
// ClusterStorageContainer v1alpha1: which container fetches models of which URIs.
// Source: KServe pkg/apis/serving/v1alpha1/storage_container_types.go.
import type { Container, KubeObject, ResourceType } from "@serval/api/core/index.ts";
import type { CustomResource } from "@serval/api/schema/custom-resource.ts";
import { boolean, core, list, object, optional, text } from "@serval/api/schema/makers.ts";
import type { Static } from "typebox";
import { servingGroup } from "../../names.ts";

export const clusterStorageContainerSpec = object({
  container: core<Container>("io.k8s.api.core.v1.Container"),
  supportedUriFormats: list(
    object({
      prefix: optional(text()),
      regex: optional(text({ description: "Used when there is no prefix" })),
    }),
  ),
  workloadType: optional(text({ default: "initContainer", description: "initContainer or localModelDownloadJob" })),
  supportsMultiModelDownload: optional(boolean({ default: false })),
});
export type ClusterStorageContainerSpec = Static<typeof clusterStorageContainerSpec>;

export interface ClusterStorageContainer extends KubeObject {
  spec: ClusterStorageContainerSpec;
  /** Beside `spec`, not in it (KServe). */
  disabled?: boolean | undefined;
}

export const clusterStorageContainers: ResourceType<ClusterStorageContainer> = {
  group: servingGroup,
  version: "v1alpha1",
  kind: "ClusterStorageContainer",
  plural: "clusterstoragecontainers",
  namespaced: false,
};

export const clusterStorageContainerResource: CustomResource<ClusterStorageContainer> = {
  type: clusterStorageContainers,
  singular: "clusterstoragecontainer",
  shortNames: [],
  categories: ["serving"],
  description: "A container that fetches models, and the URIs that it can fetch",
  columns: [],
  spec: clusterStorageContainerSpec,
  ownFields: { disabled: boolean({ description: "Not chosen for any URI" }) },
  hasStatusSubresource: false,
};
