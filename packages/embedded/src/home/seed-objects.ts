// SPDX-License-Identifier: Apache-2.0
// What a fresh home holds before its user adds anything: configuration, the shipped runtimes, the gateway. What a user
// changed stays changed.
import {
  type AnyObject,
  type ConfigMap,
  defaultConfigMap,
  type KubeObject,
  keyOf,
  type ResourceType,
  resources,
  clusterServingRuntimes as runtimeTypes,
} from "@serval/api";
import type { Cluster } from "@serval/kube";
import { clusterServingRuntimes } from "@serval/runtimes";

const fieldManager = "serval-home";

/** Writes only what differs, so that a second start writes nothing. */
async function ensure<T extends KubeObject>(cluster: Cluster, type: ResourceType<T>, object: T): Promise<void> {
  await cluster.apply(type, object, { fieldManager, force: true });
}

/** The port of `status.url` follows the gateway; every other key is the user's once it exists. */
async function ensureConfig(cluster: Cluster, gatewayPort: number): Promise<void> {
  const wanted = defaultConfigMap({ home: "embedded", gatewayPort });
  const live = await cluster.get(resources.configMaps, keyOf(wanted));
  if (live === undefined) {
    await cluster.create(resources.configMaps, wanted, { fieldManager });
    return;
  }
  const port = wanted.data?.["serval"];
  if (live.data?.["serval"] === port) return;
  const data: ConfigMap["data"] = { ...live.data, ...(port === undefined ? {} : { serval: port }) };
  await cluster.update(resources.configMaps, { ...live, data }, { fieldManager });
}

export async function ensureSeedObjects(cluster: Cluster, options: { gatewayPort: number }): Promise<void> {
  await ensureConfig(cluster, options.gatewayPort);
  await ensure(cluster, resources.gatewayClasses, {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "GatewayClass",
    metadata: { name: "serval" },
    spec: { controllerName: "serval.dev/gateway" },
  });
  await ensure(cluster, resources.gateways, {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name: "kserve-ingress-gateway", namespace: "kserve" },
    spec: {
      gatewayClassName: "serval",
      listeners: [
        { name: "http", port: options.gatewayPort, protocol: "HTTP", allowedRoutes: { namespaces: { from: "All" } } },
      ],
    },
  });
  for (const runtime of clusterServingRuntimes({ prefersOwn: true })) {
    await ensure(cluster, runtimeTypes as unknown as ResourceType<AnyObject>, runtime as unknown as AnyObject);
  }
}
