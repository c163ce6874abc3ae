// SPDX-License-Identifier: Apache-2.0
// ServingRuntimes, and the storage containers that fetch for them.
import {
  clusterServingRuntimes,
  clusterStorageContainers,
  clusterStorageContainerWarnings,
  defaultServingRuntime,
  type ResourceType,
  type ServingRuntime,
  servingRuntimeFindings,
  servingRuntimes,
} from "@serval/api";
import type { AdmissionPlugin } from "@serval/kube";
import { type AdmissionDeps, mutation, onlyNew, validation } from "./plugin.ts";

function pluginsOf(type: ResourceType<ServingRuntime>, { runtimes }: AdmissionDeps): AdmissionPlugin[] {
  const singular = type.kind.toLowerCase();
  return [
    mutation(`${singular}.kserve-webhook-server.defaulter`, type, ({ next }) => defaultServingRuntime(next)),
    validation(`${singular}.kserve-webhook-server.validator`, type, ({ next, previous, request }) => {
      const others = runtimes(type.kind, type.namespaced ? request.namespace : undefined);
      const old = previous === undefined ? [] : servingRuntimeFindings(previous, others);
      return { findings: onlyNew(servingRuntimeFindings(next, others, previous), old) };
    }),
  ];
}

export const runtimePlugins = (deps: AdmissionDeps): AdmissionPlugin[] => [
  ...pluginsOf(servingRuntimes, deps),
  ...pluginsOf(clusterServingRuntimes, deps),
  validation("clusterstoragecontainer.kserve-webhook-server.validator", clusterStorageContainers, ({ next }) => ({
    warnings: clusterStorageContainerWarnings(next),
  })),
];
