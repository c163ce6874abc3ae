// SPDX-License-Identifier: Apache-2.0
// What a local model cache must be, and when it may go. Source: KServe pkg/webhook/admission/localmodelcache.
import type { KubeObject } from "@serval/api/core/index.ts";
import type { Finding } from "@serval/api/errors/index.ts";
import { localModelKeys } from "../../names.ts";
import type { LocalModelCache } from "./schema.ts";

/** `others`: every LocalModelCache that is stored. */
export function localModelCacheFindings(cache: LocalModelCache, others: readonly LocalModelCache[]): Finding[] {
  const same = others.find(
    ({ metadata, spec }) =>
      metadata.name !== cache.metadata.name && spec?.sourceModelUri === cache.spec?.sourceModelUri,
  );
  if (same === undefined || cache.spec === undefined) return [];
  const message = `LocalModelCache ${same.metadata.name} has the same StorageURI ${cache.spec.sourceModelUri}`;
  return [{ reason: "InvalidLocalModel", path: "spec.sourceModelUri", message }];
}

/** `groups`: names of every LocalModelNodeGroup that is stored. */
export const localModelNamespaceCacheFindings = ({ spec }: LocalModelCache, groups: ReadonlySet<string>): Finding[] =>
  // The CRD lets an object without spec through (KServe).
  (spec?.nodeGroups ?? []).flatMap((group, index) =>
    groups.has(group)
      ? []
      : [
          {
            reason: "InvalidLocalModel" as const,
            path: `spec.nodeGroups[${index}]`,
            message: `NodeGroup ${group} not found: localmodelnodegroups.serving.kserve.io "${group}" not found`,
          },
        ],
  );

/** Whether the object was matched to the cache by the defaulter. */
export function usesCache({ metadata }: KubeObject, cache: LocalModelCache): boolean {
  const { label, namespaceLabel } = localModelKeys;
  return (
    metadata.labels?.[label] === cache.metadata.name && metadata.labels[namespaceLabel] === cache.metadata.namespace
  );
}

/** Why the cache may not be deleted. `users`: InferenceServices and LLMInferenceServices that are stored. */
export function localModelDeletionFindings(cache: LocalModelCache, users: readonly KubeObject[]): Finding[] {
  const user = users.find((object) => usesCache(object, cache));
  if (user === undefined) return [];
  const { name, namespace } = cache.metadata;
  const kind = user.kind;
  const message =
    namespace === undefined
      ? `LocalModelCache ${name} is being used by ${kind} ${user.metadata.name}`
      : `LocalModelNamespaceCache ${namespace}/${name} is being used by ${kind} ${user.metadata.namespace}/${user.metadata.name}`;
  return [{ reason: "LocalModelInUse", path: "metadata.name", message }];
}
