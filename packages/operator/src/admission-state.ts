// SPDX-License-Identifier: Apache-2.0
// What admission reads, bound late: an API server needs its plugins before the operator can watch it.
import {
  defaultConfig,
  inferenceServices,
  type KubeObject,
  kserveNamespace,
  type ResourceType,
  type ServingConfig,
} from "@serval/api";
import { ApiError, type Cluster } from "@serval/kube";
import type { Caches } from "./controllers/inference-service/observe.ts";
import type { FactsSource } from "./facts-source.ts";
import { noFacts } from "./pod/facts.ts";
import type { AdmissionDeps } from "./webhooks/plugins.ts";
import type { PodDeps } from "./webhooks/pods.ts";

interface Source {
  readonly config: () => ServingConfig;
  readonly caches: Pick<Caches, "runtimes" | "clusterRuntimes">;
  /** For rules that are rarely asked; absent: nothing of other kinds is stored. */
  readonly cluster?: Cluster;
  /** Where presets and the ConfigMap are. Default `kserve`. */
  readonly namespace?: string;
  /** What pods of KServe's are completed with; absent: nothing is known. */
  readonly facts?: Pick<FactsSource, "of">;
}

export interface AdmissionState extends AdmissionDeps, PodDeps {
  bind(source: Source): void;
}

async function listed<T extends KubeObject>(
  cluster: Cluster,
  type: ResourceType<T>,
  namespace: string | undefined,
): Promise<readonly T[]> {
  try {
    return (await cluster.list(type, namespace === undefined ? {} : { namespace })).items;
  } catch (error) {
    // The kind's CRD is not installed.
    if (error instanceof ApiError && error.status.code === 404) return [];
    throw error;
  }
}

/** Until bound: the defaults and nothing stored. `initial` is the configuration that the home starts with. */
export function createAdmissionState(initial: ServingConfig = defaultConfig()): AdmissionState {
  let source: Source | undefined;
  return {
    config: () => source?.config() ?? initial,
    runtimes: (kind, namespace) =>
      (kind === "ServingRuntime" ? source?.caches.runtimes.list(namespace) : source?.caches.clusterRuntimes.list()) ??
      [],
    list: async (type, namespace) => (source?.cluster === undefined ? [] : listed(source.cluster, type, namespace)),
    get systemNamespace() {
      return source?.namespace ?? kserveNamespace;
    },
    service: async (key) => source?.cluster?.get(inferenceServices, key),
    facts: async (isvc) => (await source?.facts?.of(isvc, source.config())) ?? noFacts,
    bind: (bound) => {
      source = bound;
    },
  };
}
