// SPDX-License-Identifier: Apache-2.0
// What pods refer to, always current: ConfigMaps, Secrets, Services, claims and their volumes.
import { type KubeObject, type Pod, resources } from "@serval/api";
import { type Cluster, createInformer } from "@serval/kube";
import { type ReachablePort, rewriteServiceNames, serviceLinkEnv } from "../network/service-names.ts";
import type { References } from "./variables.ts";

const decodeSecret = (data: Record<string, string> | undefined): Record<string, string> =>
  Object.fromEntries(
    Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]),
  );

/** @param reachable see service-proxy/reachable-port.ts of the data plane. */
export function createPodSources(cluster: Cluster, options: { signal: AbortSignal; reachable: ReachablePort }) {
  const { reachable, signal } = options;
  const configMaps = createInformer(cluster, resources.configMaps, { signal });
  const secrets = createInformer(cluster, resources.secrets, { signal });
  const services = createInformer(cluster, resources.services, { signal });
  const claims = createInformer(cluster, resources.persistentVolumeClaims, { signal });
  const volumes = createInformer(cluster, resources.persistentVolumes, { signal });
  const serviceOf = (namespace: string, name: string) => {
    const spec = services.get({ namespace, name })?.spec;
    const address = spec?.clusterIP;
    if (address === undefined || address === "None" || address === "") return undefined;
    return { address, ports: (spec?.ports ?? []).map(({ port }) => port) };
  };
  const references = (namespace: string): References => ({
    configMap(name) {
      const object = configMaps.get({ namespace, name });
      return object === undefined ? undefined : { ...decodeSecret(object.binaryData), ...object.data };
    },
    secret(name) {
      const object = secrets.get({ namespace, name });
      return object === undefined ? undefined : decodeSecret(object.data);
    },
  });
  return {
    synced: Promise.all([configMaps, secrets, services, claims, volumes].map(({ synced }) => synced)),
    references,
    /** Called when a ConfigMap or Secret has come, changed or gone. */
    onReferenceChange(
      listener: (kind: "ConfigMap" | "Secret", key: { namespace: string; name: string }) => void,
    ): void {
      const keyOf = ({ metadata }: KubeObject) => ({ namespace: metadata.namespace ?? "default", name: metadata.name });
      configMaps.onChange(({ object }) => listener("ConfigMap", keyOf(object)));
      secrets.onChange(({ object }) => listener("Secret", keyOf(object)));
    },
    rewriteHosts: (text: string, namespace: string) => rewriteServiceNames(text, { namespace, serviceOf, reachable }),
    serviceEnv: (namespace: string) =>
      Object.assign(
        {},
        ...services.list(namespace).map((service) => {
          const address = serviceOf(namespace, service.metadata.name)?.address;
          const ports = (service.spec?.ports ?? []).map(({ name, port }) => ({ name, port: reachable(port) }));
          return address === undefined ? {} : serviceLinkEnv(service.metadata.name, address, ports);
        }),
      ) as Record<string, string>,
    claimDir(namespace: string, name: string): string | undefined {
      const volumeName = claims.get({ namespace, name })?.spec?.volumeName;
      const volume = volumeName === undefined ? undefined : volumes.get({ name: volumeName });
      return volume?.spec?.hostPath?.path ?? volume?.spec?.local?.path;
    },
    isServed: ({ metadata }: Pod): boolean =>
      services.list(metadata.namespace ?? "default").some(({ spec }) => {
        const selector = Object.entries(spec?.selector ?? {});
        return selector.length > 0 && selector.every(([key, value]) => metadata.labels?.[key] === value);
      }),
  };
}
