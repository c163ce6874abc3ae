// SPDX-License-Identifier: Apache-2.0
// Defaulting, rules and builders without a running controller: pure functions, called one after the other; the API
// server in memory only keeps objects and completes them as Kubernetes would.
import {
  type AnyObject,
  type ClusterStorageContainer,
  type Deployment,
  defaultInferenceService,
  type HTTPRoute,
  type InferenceService,
  type InferenceServiceStatus,
  type Key,
  type KubeObject,
  modeOf,
  type Pod,
  type Secret,
  ServalError,
  type Service,
  type ServiceAccount,
  type ServingRuntime,
} from "@serval/api";
import { ApiError, type Cluster, createCluster } from "@serval/kube";
import { needsApply } from "@serval/operator/children/drift.ts";
import {
  buildRoutes,
  buildWorkloads,
  childKey,
  wantedKeys,
} from "@serval/operator/controllers/inference-service/build.ts";
import { deploymentVerdict } from "@serval/operator/controllers/inference-service/deployment-verdict.ts";
import type { Live } from "@serval/operator/controllers/inference-service/live.ts";
import { type Resolved, resolve } from "@serval/operator/controllers/inference-service/resolve.ts";
import { statusFrom, statusFromFailure } from "@serval/operator/controllers/inference-service/status.ts";
import { mergePatchBetween } from "@serval/operator/controllers/inference-service/status-patch.ts";
import type { PodFacts } from "@serval/operator/pod/facts.ts";
import type { FoundCase } from "../case.ts";
import type { Home, Played } from "../home.ts";
import { playSteps } from "../steps.ts";
import { settleDeployments } from "./pure-workloads.ts";
import { type Started, startServer } from "./start.ts";

const now = new Date("2026-01-01T00:00:00Z");
const mostRounds = 12;
const fieldManager = "serval-operator";
const minorOfRecording = 34;
/** Kinds of children that the builders make. */
const childKinds = [
  "HTTPRoute",
  "Ingress",
  "HorizontalPodAutoscaler",
  "ScaledObject",
  "OpenTelemetryCollector",
  "Service",
  "Deployment",
];
/** Reconciled by controllers that have no builders to call here. */
const withoutBuilders = /^(InferenceGraph|TrainedModel|ConfigMap|LLMInferenceService|Knative|VirtualService)/;

type World = ReadonlyMap<string, readonly AnyObject[]>;

/** Everything that the pure functions look at. */
async function worldOf({ api }: Started): Promise<World> {
  const kinds = [
    ...childKinds,
    "InferenceService",
    "ServingRuntime",
    "ClusterServingRuntime",
    "Pod",
    "Secret",
    "ServiceAccount",
    "ClusterStorageContainer",
  ];
  return new Map(await Promise.all(kinds.map(async (kind) => [kind, await api.list(kind)] as const)));
}

const all = <T>(world: World, kind: string): T[] => (world.get(kind) ?? []) as unknown as T[];
const named = <T>(world: World, kind: string, name: string): T | undefined =>
  world.get(kind)?.find(({ metadata }) => metadata.name === name) as unknown as T | undefined;

const factsOf = (world: World): PodFacts => ({
  serviceAccount: (name) => named<ServiceAccount>(world, "ServiceAccount", name),
  secret: (name) => named<Secret>(world, "Secret", name),
  storageContainers: all<ClusterStorageContainer>(world, "ClusterStorageContainer"),
  kubernetesMinor: minorOfRecording,
});

const liveOf = (world: World, service: string): Live => ({
  serves: () => true,
  deployment: ({ name }: Key) => named<Deployment>(world, "Deployment", name),
  service: ({ name }: Key) => named<Service>(world, "Service", name),
  route: ({ name }: Key) => named<HTTPRoute>(world, "HTTPRoute", name),
  pods: all<Pod>(world, "Pod").filter(
    ({ metadata }) => metadata.labels?.["serving.kserve.io/inferenceservice"] === service,
  ),
});

interface Pass {
  readonly started: Started;
  readonly cluster: Cluster;
  readonly before: World;
}

const isOwned = (object: AnyObject, owner: KubeObject): boolean =>
  object.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid) === true;

/** An apply of every child that differs, and removal of those that are no longer wanted. @returns whether one was refused. */
async function applyChildren({ started, cluster, before }: Pass, resolved: Resolved): Promise<boolean> {
  const { api } = started;
  const apply = async (object: KubeObject): Promise<void> => {
    if (needsApply(object, named<KubeObject>(before, object.kind, object.metadata.name ?? ""), fieldManager))
      await cluster.apply(api.typeOf(object.kind), object, { fieldManager, force: true });
  };
  const isReady = (role: string, world: World): boolean => {
    const component = resolved.components.find((candidate) => candidate.role === role);
    return deploymentVerdict(component && named<Deployment>(world, "Deployment", component.workload)).status === "True";
  };
  try {
    const workloads = buildWorkloads(resolved);
    for (const object of workloads) await apply(object);
    const world = await worldOf(started);
    for (const object of buildRoutes(resolved, (role) => isReady(role, world))) await apply(object);
    const wanted = wantedKeys(resolved, workloads);
    const owned = childKinds.flatMap((kind) => all<AnyObject>(world, kind));
    for (const object of owned.filter((child) => isOwned(child, resolved.isvc) && !wanted.has(childKey(child))))
      await api.delete(object.kind, object.metadata.name ?? "");
    return false;
  } catch (error) {
    if (error instanceof ApiError || error instanceof ServalError) return true;
    throw error;
  }
}

async function reconcile(started: Started, cluster: Cluster, name: string): Promise<boolean> {
  const { api, config } = started;
  const before = await worldOf(started);
  const stored = named<InferenceService>(before, "InferenceService", name);
  if (stored === undefined) return false;
  const isvc = defaultInferenceService(stored, config);
  const catalog = {
    namespaced: all<ServingRuntime>(before, "ServingRuntime"),
    cluster: all<ServingRuntime>(before, "ClusterServingRuntime"),
  };
  const live = liveOf(before, name);
  const resolution = resolve({ isvc, config, catalog, facts: factsOf(before), live });
  let status: InferenceServiceStatus;
  if ("failure" in resolution) {
    const mode = modeOf(isvc, config.deploy.defaultDeploymentMode);
    status = statusFromFailure(resolution.failure, { isvc: stored, live, now }, mode);
  } else {
    // The API server's words for a refused child come with the operator: no status here.
    if (await applyChildren({ started, cluster, before }, resolution.resolved)) return false;
    await settleDeployments(api);
    const after = liveOf(await worldOf(started), name);
    status = statusFrom(resolution.resolved, { isvc: stored, live: after, now });
  }
  const patch = mergePatchBetween(stored.status ?? {}, JSON.parse(JSON.stringify(status)));
  if (patch === undefined) return false;
  await api.patch("InferenceService", name, { status: patch }, "status");
  return true;
}

/** What garbage collection does once the finalizer is gone. */
async function release(started: Started, { metadata }: AnyObject): Promise<void> {
  const { api } = started;
  await api.patch("InferenceService", metadata.name ?? "", { metadata: { finalizers: null } });
  const gone = new Set([metadata.uid]);
  for (const kind of [...childKinds, "ReplicaSet", "Pod"])
    for (const object of await api.list(kind)) {
      if (object.metadata.ownerReferences?.some(({ uid }) => gone.has(uid)) !== true) continue;
      gone.add(object.metadata.uid);
      await api.delete(kind, object.metadata.name ?? "");
    }
}

async function settle(started: Started, cluster: Cluster): Promise<void> {
  for (let round = 0; round < mostRounds; round += 1) {
    let isMoving = await settleDeployments(started.api);
    for (const isvc of await started.api.list("InferenceService")) {
      if (isvc.metadata.deletionTimestamp !== undefined) await release(started, isvc);
      else if (await reconcile(started, cluster, isvc.metadata.name ?? "")) isMoving = true;
    }
    if (!isMoving) return;
  }
}

async function playCase(found: FoundCase): Promise<Played> {
  const started = await startServer(found);
  const { config } = started;
  const cluster = createCluster(started.server.transport, fieldManager);
  const stored = (plural: string, within = ""): ServingRuntime[] =>
    started.store.list(`serving.kserve.io/${plural}/${within}`).map(({ value }) => value as unknown as ServingRuntime);
  // Bound late, as the operator does: rules about runtimes see those that are stored.
  started.admission.bind({
    cluster,
    config: () => config,
    caches: {
      clusterRuntimes: { list: () => stored("clusterservingruntimes") },
      runtimes: { list: (namespace) => stored("servingruntimes", namespace === undefined ? "" : `${namespace}/`) },
    } as Parameters<typeof started.admission.bind>[0]["caches"],
  });
  try {
    const recording = await playSteps(started.api, found.golden, () => settle(started, cluster));
    return { recording, options: { knows: (key) => !withoutBuilders.test(key), events: false } };
  } finally {
    await started.close();
  }
}

/** Nothing waits here, so that nothing is gained by playing two cases at once. */
export const pureHome = (): Home => ({ name: "pure", concurrency: 1, play: playCase, close: async () => {} });
