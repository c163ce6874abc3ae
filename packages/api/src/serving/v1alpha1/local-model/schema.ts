// SPDX-License-Identifier: Apache-2.0
// Models kept on the nodes that serve them: caches (of the cluster and of a namespace), the groups of nodes that hold
// them, and what each node holds. Source: KServe pkg/apis/serving/v1alpha1/local_model_*_types.go.
import type {
  KubeObject,
  PersistentVolumeClaimSpec,
  PersistentVolumeSpec,
  ResourceType,
} from "@serval/api/core/index.ts";
import type { CustomResource } from "@serval/api/schema/custom-resource.ts";
import {
  core,
  integer,
  list,
  map,
  object,
  oneOf,
  optional,
  quantity,
  text,
  textMap,
  withRules,
} from "@serval/api/schema/makers.ts";
import type { Static } from "typebox";
import { servingGroup } from "../../names.ts";
import { servalStatus } from "../../serval-status.ts";

const storage = optional(object({ key: optional(text()), parameters: optional(textMap()) }));
const serviceAccountName = optional(text({ description: "Whose secrets the download may use" }));

export const localModelCacheSpec = object({
  sourceModelUri: withRules(text({ description: "Where the model comes from" }), [
    {
      message: "StorageUri is immutable",
      cel: "self == oldSelf",
      isTransition: true,
      holds: (self, old) => self === old,
    },
  ]),
  modelSize: quantity(),
  nodeGroups: list(text(), { minItems: 1, description: "LocalModelNodeGroups whose nodes hold the model" }),
  serviceAccountName,
  storage,
});
export type LocalModelCacheSpec = Static<typeof localModelCacheSpec>;

const user = list(object({ name: optional(text()), namespace: optional(text()) }));
export const localModelCacheStatus = object({
  nodeStatus: optional(
    map(oneOf(["", "NodeNotReady", "NodeDownloadPending", "NodeDownloading", "NodeDownloaded", "NodeDownloadError"])),
  ),
  copies: optional(object({ available: optional(integer()), total: optional(integer()), failed: optional(integer()) })),
  inferenceServices: optional(user),
  llmInferenceServices: optional(user),
  serval: optional(servalStatus),
});
export type LocalModelCacheStatus = Static<typeof localModelCacheStatus>;

export const localModelNodeGroupSpec = object({
  storageLimit: quantity(),
  persistentVolumeSpec: core<PersistentVolumeSpec>("io.k8s.api.core.v1.PersistentVolumeSpec"),
  persistentVolumeClaimSpec: core<PersistentVolumeClaimSpec>("io.k8s.api.core.v1.PersistentVolumeClaimSpec"),
});
const localModelNodeGroupStatus = object({ used: optional(quantity()), available: optional(quantity()) });

export const localModelNodeSpec = object({
  localModels: list(
    object({
      sourceModelUri: text(),
      modelName: text(),
      namespace: optional(text({ description: "Of a LocalModelNamespaceCache" })),
      nodeGroup: optional(text()),
      serviceAccountName,
      storage,
    }),
  ),
});
export const localModelNodeStatus = object({
  modelStatus: optional(
    map(oneOf(["", "ModelDownloadPending", "ModelDownloading", "ModelDownloaded", "ModelDownloadError"])),
  ),
});

export interface LocalModelCache extends KubeObject {
  spec: LocalModelCacheSpec;
  status?: LocalModelCacheStatus | undefined;
}
/** The same in one namespace. */
export type LocalModelNamespaceCache = LocalModelCache;
export interface LocalModelNodeGroup extends KubeObject {
  spec: Static<typeof localModelNodeGroupSpec>;
  status?: Static<typeof localModelNodeGroupStatus> | undefined;
}
export interface LocalModelNode extends KubeObject {
  spec: Static<typeof localModelNodeSpec>;
  status?: Static<typeof localModelNodeStatus> | undefined;
}

const typeOf = <T extends KubeObject>(kind: string, namespaced: boolean): ResourceType<T> => ({
  group: servingGroup,
  version: "v1alpha1",
  kind,
  plural: `${kind.toLowerCase()}s`,
  namespaced,
});
export const localModelCaches = typeOf<LocalModelCache>("LocalModelCache", false);
export const localModelNamespaceCaches = typeOf<LocalModelNamespaceCache>("LocalModelNamespaceCache", true);
export const localModelNodeGroups = typeOf<LocalModelNodeGroup>("LocalModelNodeGroup", false);
export const localModelNodes = typeOf<LocalModelNode>("LocalModelNode", false);

type Parts<T extends KubeObject> = Pick<CustomResource<T>, "description" | "spec" | "status" | "hasStatusSubresource">;
const resourceOf = <T extends KubeObject>(type: ResourceType<T>, parts: Parts<T>): CustomResource<T> => ({
  type,
  singular: type.kind.toLowerCase(),
  shortNames: [],
  categories: ["serving"],
  columns: [],
  ...parts,
});

export const localModelResources = [
  resourceOf(localModelCaches, {
    description: "A model kept on the nodes of some groups, for every namespace",
    spec: localModelCacheSpec,
    status: localModelCacheStatus,
    hasStatusSubresource: true,
  }),
  resourceOf(localModelNamespaceCaches, {
    description: "A model kept on the nodes of some groups, for one namespace",
    spec: localModelCacheSpec,
    status: localModelCacheStatus,
    hasStatusSubresource: true,
  }),
  resourceOf(localModelNodeGroups, {
    description: "Nodes that keep models, and the storage that they keep them on",
    spec: localModelNodeGroupSpec,
    status: localModelNodeGroupStatus,
    hasStatusSubresource: false,
  }),
  resourceOf(localModelNodes, {
    description: "The models that one node keeps; its name is the node's",
    spec: localModelNodeSpec,
    status: localModelNodeStatus,
    hasStatusSubresource: true,
  }),
] as readonly unknown[] as readonly CustomResource<KubeObject>[];
