// SPDX-License-Identifier: Apache-2.0
// The cluster as pure functions see it: plain lists of objects, read once and looked up by name.
import type {
  AnyObject,
  ClusterStorageContainer,
  Deployment,
  HTTPRoute,
  Key,
  KubeObject,
  Pod,
  Secret,
  Service,
  ServiceAccount,
} from "@serval/api";
import type { Live } from "@serval/operator/controllers/inference-service/live.ts";
import type { PodFacts } from "@serval/operator/pod/facts.ts";
import type { Api } from "../api.ts";

export type World = ReadonlyMap<string, readonly AnyObject[]>;

/** Of the recording. */
const kubernetesMinor = 34;
/** Kinds of children that the builders make. */
export const childKinds = [
  "HTTPRoute",
  "Ingress",
  "HorizontalPodAutoscaler",
  "ScaledObject",
  "OpenTelemetryCollector",
  "Service",
  "Deployment",
] as const;
const readKinds = [
  "InferenceService",
  "InferenceGraph",
  "ServingRuntime",
  "ClusterServingRuntime",
  "ClusterStorageContainer",
  "ReplicaSet",
  "Pod",
  "Secret",
  "ServiceAccount",
] as const;

export const worldOf = async (api: Api): Promise<World> =>
  new Map(await Promise.all([...childKinds, ...readKinds].map(async (kind) => [kind, await api.list(kind)] as const)));

export const all = <T>(world: World, kind: string): T[] => (world.get(kind) ?? []) as unknown as T[];
export const named = <T>(world: World, kind: string, name: string): T | undefined =>
  world.get(kind)?.find(({ metadata }) => metadata.name === name) as unknown as T | undefined;

export const factsOf = (world: World): PodFacts => ({
  serviceAccount: (name) => named<ServiceAccount>(world, "ServiceAccount", name),
  secret: (name) => named<Secret>(world, "Secret", name),
  storageContainers: all<ClusterStorageContainer>(world, "ClusterStorageContainer"),
  kubernetesMinor,
});

export const liveOf = (world: World, service: string): Live => ({
  serves: () => true,
  deployment: ({ name }: Key) => named<Deployment>(world, "Deployment", name),
  service: ({ name }: Key) => named<Service>(world, "Service", name),
  route: ({ name }: Key) => named<HTTPRoute>(world, "HTTPRoute", name),
  owned: () => [],
  pods: all<Pod>(world, "Pod").filter(
    ({ metadata }) => metadata.labels?.["serving.kserve.io/inferenceservice"] === service,
  ),
});

export const isOwned = (object: KubeObject, owner: KubeObject): boolean =>
  object.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid) === true;

/** What Kubernetes' garbage collector does: objects whose owners are all gone go too. */
export async function collectGarbage(api: Api): Promise<void> {
  for (let isMoving = true; isMoving; ) {
    isMoving = false;
    const world = await worldOf(api);
    const living = new Set([...world.values()].flat().map(({ metadata }) => metadata.uid));
    for (const kind of [...childKinds, "ReplicaSet", "Pod"])
      for (const { metadata } of all<AnyObject>(world, kind)) {
        const owners = metadata.ownerReferences ?? [];
        if (owners.length === 0 || owners.some(({ uid }) => living.has(uid))) continue;
        await api.delete(kind, metadata.name ?? "");
        isMoving = true;
      }
  }
}
