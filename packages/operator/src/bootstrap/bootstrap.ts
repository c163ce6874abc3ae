// SPDX-License-Identifier: Apache-2.0
// The operator brings what it needs: kinds, configuration, runtimes, a Gateway. So one manifest works whatever the order
// of its objects, a new image upgrades the kinds, and deleting the manifest deletes no kind and with it no model.
// See docs/decisions/0014-the-operator-brings-its-kinds.md.
import {
  type AnyObject,
  type ConversionClient,
  clusterServingRuntimes,
  clusterStorageContainers,
  type Images,
  type KubeObject,
  keyOf,
  type ResourceType,
  resources,
} from "@serval/api";
import type { Cluster } from "@serval/kube";
import { clusterConfigMap, defaultStorageContainer, gatewayClassObject, gatewayObject } from "./defaults.ts";
import { type Ensured, ensureExists, ensureRelease } from "./ensure.ts";
import { type EnsuredObjects, ensureKinds } from "./kinds.ts";
import { aroundStoredPods } from "./runtime-renewal.ts";

export interface BootstrapOptions {
  readonly images: Images;
  /** ClusterServingRuntimes; they are the caller's, as no engine is known here. */
  readonly runtimes: readonly KubeObject[];
  /** Whether Serval's own gateway is wanted: Gateway API's kinds where there are none, its class, a Gateway. */
  readonly gateway: boolean;
}

/** Before anything of ours is read. @throws ApiError. */
export const installKinds = (
  cluster: Cluster,
  { gateway }: BootstrapOptions,
  conversion: ConversionClient | undefined,
): Promise<EnsuredObjects> => ensureKinds(cluster, { gateway, conversion });

/**
 * Once the kinds are served. Objects of ours pass our own webhooks: the first refusal ends the attempt.
 * @throws ApiError.
 */
export async function installDefaults(cluster: Cluster, options: BootstrapOptions): Promise<EnsuredObjects> {
  const { images, runtimes, gateway } = options;
  const done: (readonly [string, Ensured])[] = [];
  const exists = async <T extends KubeObject>(type: ResourceType<T>, wanted: T): Promise<void> =>
    void done.push([`${wanted.kind} ${wanted.metadata.name}`, await ensureExists(cluster, type, wanted)]);
  const released = async <T extends KubeObject>(type: ResourceType<T>, wanted: T, stored: T | undefined) =>
    void done.push([`${wanted.kind} ${wanted.metadata.name}`, await ensureRelease(cluster, type, { wanted, stored })]);
  await exists(resources.configMaps, clusterConfigMap(images));
  if (gateway) {
    await exists(resources.gatewayClasses, gatewayClassObject);
    await exists(resources.gateways, gatewayObject);
  }
  const container = await cluster.get(clusterStorageContainers, keyOf(defaultStorageContainer));
  await released(clusterStorageContainers, defaultStorageContainer, container);
  const type = clusterServingRuntimes as unknown as ResourceType<AnyObject>;
  const stored = new Map((await cluster.list(type)).items.map((runtime) => [runtime.metadata.name, runtime]));
  for (const runtime of runtimes as readonly AnyObject[]) {
    const known = stored.get(runtime.metadata.name);
    await released(type, aroundStoredPods(runtime, known), known);
  }
  return done;
}
