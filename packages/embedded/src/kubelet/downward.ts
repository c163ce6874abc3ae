// SPDX-License-Identifier: Apache-2.0
// The downward API: what a container may know about its own pod. Pure.
import { type Container, type Pod, quantityValue, type ResourceFieldSelector } from "@serval/api";

const mapText = (map: Readonly<Record<string, string>> | undefined): string =>
  Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join("\n");

/** Value of `fieldRef.fieldPath`; an unknown path is an empty string (the API server refuses it at admission). */
export function podField(pod: Pod, path: string): string {
  const indexed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (indexed !== null) return pod.metadata[indexed[1] as "labels" | "annotations"]?.[indexed[2] as string] ?? "";
  const fields: Record<string, string | undefined> = {
    "metadata.name": pod.metadata.name,
    "metadata.namespace": pod.metadata.namespace,
    "metadata.uid": pod.metadata.uid,
    "metadata.labels": mapText(pod.metadata.labels),
    "metadata.annotations": mapText(pod.metadata.annotations),
    "spec.nodeName": pod.spec?.nodeName,
    "spec.serviceAccountName": pod.spec?.serviceAccountName,
    "status.hostIP": "127.0.0.1",
    "status.hostIPs": "127.0.0.1",
    "status.podIP": pod.status?.podIP,
    "status.podIPs": pod.status?.podIP,
  };
  return fields[path] ?? "";
}

/** Value of `resourceFieldRef`, rounded up to the divisor, as a decimal integer. Unset limits count as 0. */
export function containerResource(pod: Pod, container: Container, ref: ResourceFieldSelector): string {
  const owner =
    ref.containerName === undefined ? container : pod.spec?.containers.find((c) => c.name === ref.containerName);
  const [kind, name] = ref.resource.split(".", 2) as ["limits" | "requests", string];
  const amount = owner?.resources?.[kind]?.[name] ?? owner?.resources?.limits?.[name] ?? "0";
  const divisor = quantityValue(ref.divisor ?? "1") || 1;
  return String(Math.ceil(quantityValue(amount) / divisor));
}
