// SPDX-License-Identifier: Apache-2.0
// Local model caches: what they must be, when they may go, and which of them a service may use.
import {
  inferenceServices,
  type KubeObject,
  type LocalModels,
  llmInferenceServices,
  localModelCacheFindings,
  localModelCaches,
  localModelDeletionFindings,
  localModelNamespaceCacheFindings,
  localModelNamespaceCaches,
  localModelNodeGroups,
} from "@serval/api";
import type { AdmissionPlugin } from "@serval/kube";
import { type AdmissionDeps, deletion, noController, onlyNew, validation } from "./plugin.ts";

/** undefined: local models are switched off, and their marks on services stay as they are. */
export async function localModelsFor(
  { config, list }: AdmissionDeps,
  namespace: string | undefined,
): Promise<LocalModels | undefined> {
  if (!config().localModel.enabled) return undefined;
  const [ofNamespace, ofCluster] = await Promise.all([
    list(localModelNamespaceCaches, namespace),
    list(localModelCaches),
  ]);
  return { ofNamespace, ofCluster };
}

/** Only matched services carry the mark, so one namespace or all of them are looked through. */
async function users({ list }: AdmissionDeps, namespace?: string): Promise<KubeObject[]> {
  const lists = await Promise.all([list(inferenceServices, namespace), list(llmInferenceServices, namespace)]);
  return lists.flat();
}

const inert = ({ kind }: KubeObject, previous: KubeObject | undefined): string[] =>
  previous === undefined ? [noController(kind)] : [];

export const localModelPlugins = (deps: AdmissionDeps): AdmissionPlugin[] => {
  const ofCluster = "localmodelcache.kserve-webhook-server.validator";
  const ofNamespace = "localmodelnamespacecache.kserve-webhook-server.validator";
  return [
    validation(ofCluster, localModelCaches, async ({ next, previous }) => {
      const others = await deps.list(localModelCaches);
      const old = previous === undefined ? [] : localModelCacheFindings(previous, others);
      return { findings: onlyNew(localModelCacheFindings(next, others), old), warnings: inert(next, previous) };
    }),
    deletion(ofCluster, localModelCaches, async (going) => ({
      findings: localModelDeletionFindings(going, await users(deps)),
    })),
    validation(ofNamespace, localModelNamespaceCaches, async ({ next, previous }) => {
      const groups = new Set((await deps.list(localModelNodeGroups)).map(({ metadata }) => metadata.name));
      const old = previous === undefined ? [] : localModelNamespaceCacheFindings(previous, groups);
      return {
        findings: onlyNew(localModelNamespaceCacheFindings(next, groups), old),
        warnings: inert(next, previous),
      };
    }),
    deletion(ofNamespace, localModelNamespaceCaches, async (going) => ({
      findings: localModelDeletionFindings(going, await users(deps, going.metadata.namespace)),
    })),
  ];
};
