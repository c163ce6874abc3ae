// SPDX-License-Identifier: Apache-2.0
// Which kinds of children the cluster serves: Gateway API, KEDA and OpenTelemetry are used where they are, never required.
import { type KubeObject, type ResourceType, resources } from "@serval/api";
import { type Cluster, isNotFound } from "@serval/kube";
import { type ChildKind, childKinds } from "./children.ts";

/** Kinds that come with a CRD; the others are part of every Kubernetes. */
const optional = {
  HTTPRoute: resources.httpRoutes,
  ScaledObject: resources.scaledObjects,
  OpenTelemetryCollector: resources.openTelemetryCollectors,
} as Readonly<Record<string, ResourceType<KubeObject>>>;

export const optionalChildKinds = Object.values(optional);

/** @throws ApiError for anything but "no such kind". */
export async function servedChildKinds(cluster: Cluster): Promise<ChildKind[]> {
  const missing = new Set<ChildKind>();
  for (const [kind, type] of Object.entries(optional))
    try {
      await cluster.list(type, { limit: 1 });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      missing.add(kind as ChildKind);
    }
  return childKinds.filter((kind) => !missing.has(kind));
}
