// SPDX-License-Identifier: Apache-2.0
// Where the facts that pods depend on come from: service accounts, the secrets that they name, storage containers.
import type { InferenceService, KubeObject } from "@serval/api";
import type { Cluster, Informer } from "@serval/kube";
import { noFacts, type PodFacts } from "./pod/facts.ts";

export interface FactsSource {
  readonly informers: readonly Informer<KubeObject>[];
  /** @throws ApiError when a secret cannot be read for another reason than that it does not exist. */
  of(isvc: InferenceService): Promise<PodFacts>;
}

export interface FactsOptions {
  readonly cluster: Cluster;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

export const createFactsSource = (_options: FactsOptions): FactsSource => ({
  informers: [],
  of: async () => noFacts,
});
