// SPDX-License-Identifier: Apache-2.0
// What a pod depends on besides its service, its runtime and the configuration. Read before the stages run, so that
// they stay pure.
import type { ClusterStorageContainer, Secret, ServiceAccount } from "@serval/api";

export interface PodFacts {
  /** Of the service's namespace; undefined: there is none of this name. */
  readonly serviceAccount: (name: string) => ServiceAccount | undefined;
  /**
   * Of the service's namespace. Only what the service refers to was read; undefined: there is none of this name.
   * @throws ServalError StorageCredentials when it may not be read.
   */
  readonly secret: (name: string) => Secret | undefined;
  /** In the order in which the API server lists them. */
  readonly storageContainers: readonly ClusterStorageContainer[];
  /** Kubernetes' minor version; undefined: not known. Image volumes depend on it. */
  readonly kubernetesMinor?: number | undefined;
}

/** Nothing is known: no credentials, the built-in storage initializer. */
export const noFacts: PodFacts = {
  serviceAccount: () => undefined,
  secret: () => undefined,
  storageContainers: [],
};
