// SPDX-License-Identifier: Apache-2.0
// The only reads of the controller: everything comes from watched caches; only secrets that a service refers to are
// asked for.
import {
  clusterServingRuntimes,
  type Deployment,
  defaultInferenceService,
  type HTTPRoute,
  type InferenceService,
  inferenceServices,
  type Key,
  type KubeObject,
  keyText,
  labels,
  type Pod,
  resources,
  type Service,
  type ServingConfig,
  type ServingRuntime,
  servingRuntimes,
} from "@serval/api";
import { type Cluster, createInformer, type Informer, type Sharing } from "@serval/kube";
import type { Children } from "../../children/children.ts";
import type { FactsSource } from "../../facts-source.ts";
import type { PodFacts } from "../../pod/facts.ts";
import type { Live } from "./live.ts";
import type { RuntimeCatalog } from "./runtime-selection.ts";

export interface Caches {
  readonly services: Informer<InferenceService>;
  readonly runtimes: Informer<ServingRuntime>;
  readonly clusterRuntimes: Informer<ServingRuntime>;
  readonly pods: Informer<Pod>;
}

const serviceIndex = "inferenceservice";

/** Only what status and root cause read. */
export function slimPod(pod: Pod): Pod {
  const { managedFields: _fields, ...metadata } = pod.metadata ?? {};
  return { ...pod, metadata, spec: { containers: [] } };
}

const slimService = (isvc: InferenceService): InferenceService => {
  const { managedFields: _fields, ...metadata } = isvc.metadata;
  return { ...isvc, metadata };
};

export const serviceKeyOfPod = ({ metadata }: Pod): Key[] => {
  const name = metadata?.labels?.[labels.inferenceService];
  return name === undefined ? [] : [{ namespace: metadata?.namespace, name }];
};

export interface CacheOptions {
  readonly cluster: Cluster;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
  readonly share: Sharing;
}

export function createCaches({ cluster, signal, onError, share }: CacheOptions): Caches {
  const options = { signal, onError };
  return {
    services: createInformer(cluster, inferenceServices, {
      ...options,
      transform: (isvc) => share(slimService(isvc)),
    }),
    runtimes: createInformer(cluster, servingRuntimes, options),
    clusterRuntimes: createInformer(cluster, clusterServingRuntimes, options),
    pods: createInformer(cluster, resources.pods, {
      ...options,
      labelSelector: labels.inferenceService,
      transform: (pod) => share(slimPod(pod)),
      indexes: { [serviceIndex]: (pod: Pod) => serviceKeyOfPod(pod).map(keyText) },
    }),
  };
}

export interface Observed {
  /** As stored. */
  readonly stored: InferenceService;
  /** With defaults: the same object where admission is in force, complete where it is not. */
  readonly isvc: InferenceService;
  readonly config: ServingConfig;
  readonly catalog: RuntimeCatalog;
  readonly facts: PodFacts;
  readonly live: Live;
}

export interface ObserveDeps {
  readonly caches: Caches;
  readonly children: Children;
  readonly facts: FactsSource;
  readonly config: () => ServingConfig;
}

/** undefined: the service is gone; its children go by their owner reference. */
export async function observe(deps: ObserveDeps, key: Key): Promise<Observed | undefined> {
  const { caches, config, facts } = deps;
  const stored = caches.services.get(key);
  if (stored === undefined) return undefined;
  const isvc = defaultInferenceService(stored, config());
  const catalog = { namespaced: caches.runtimes.list(key.namespace), cluster: caches.clusterRuntimes.list() };
  const live = observeLive(deps, key);
  return { stored, isvc, config: config(), catalog, facts: await facts.of(isvc, config()), live };
}

/** Children and pods as the caches have them now: read again after applying. */
export function observeLive({ caches, children }: ObserveDeps, key: Key): Live {
  const read =
    <T extends KubeObject>(kind: "Deployment" | "HTTPRoute" | "Service") =>
    (child: Key): T | undefined =>
      children.get(kind, child) as T | undefined;
  return {
    deployment: read<Deployment>("Deployment"),
    serves: (kind) => children.kinds.includes(kind),
    route: read<HTTPRoute>("HTTPRoute"),
    service: read<Service>("Service"),
    owned: (kind) =>
      children.ownedBy(caches.services.get(key)?.metadata.uid ?? "").filter((child) => child.kind === kind),
    pods: caches.pods.byIndex(serviceIndex, keyText(key)),
  };
}
