// SPDX-License-Identifier: Apache-2.0
// Defaulting, rules and builders without a running controller: pure functions, called one after the other; the API
// server in memory only keeps objects and completes them as Kubernetes would.
import {
  type AnyObject,
  type Deployment,
  defaultInferenceService,
  type InferenceService,
  type InferenceServiceStatus,
  type KubeObject,
  modeOf,
  type Role,
  ServalError,
  type ServingRuntime,
} from "@serval/api";
import { ApiError, type Cluster, createCluster } from "@serval/kube";
import { ChildError } from "@serval/operator/children/children.ts";
import { needsApply } from "@serval/operator/children/drift.ts";
import {
  buildRoutes,
  buildWorkloads,
  childKey,
  wantedKeys,
} from "@serval/operator/controllers/inference-service/build.ts";
import { deploymentVerdict } from "@serval/operator/controllers/inference-service/deployment-verdict.ts";
import { type Resolved, resolve } from "@serval/operator/controllers/inference-service/resolve.ts";
import { statusFrom, statusFromFailure } from "@serval/operator/controllers/inference-service/status.ts";
import { mergePatchBetween } from "@serval/operator/controllers/inference-service/status-patch.ts";
import type { FoundCase } from "../case.ts";
import type { Home, Played } from "../home.ts";
import { playSteps } from "../steps.ts";
import { type GraphPass, reconcileGraph } from "./pure-graphs.ts";
import { settleDeployments } from "./pure-workloads.ts";
import { all, childKinds, collectGarbage, factsOf, isOwned, liveOf, named, type World, worldOf } from "./pure-world.ts";
import { type Started, startServer } from "./start.ts";

const now = new Date("2026-01-01T00:00:00Z");
const mostRounds = 12;
const fieldManager = "serval-operator";
/** Made by controllers that have no builders to call here, and objects that follow from several services. */
const withoutBuilders = /^(TrainedModel|ConfigMap|LLMInferenceService|Knative|VirtualService)/;

interface Pass extends GraphPass {
  readonly started: Started;
  /** Services with a child that the API server refuses: its words come with the operator, and so does their status. */
  readonly refused: Set<string>;
}

/** Replicas that we give up stay what they are, for the autoscaler to take. */
function withReplicas(wanted: KubeObject, stored: KubeObject | undefined): KubeObject {
  const replicas = wanted.kind === "Deployment" ? (stored as Deployment | undefined)?.spec?.replicas : undefined;
  const { spec } = wanted as unknown as Deployment;
  return replicas === undefined || spec?.replicas !== undefined
    ? wanted
    : ({ ...wanted, spec: { ...spec, replicas } } as KubeObject);
}

const applier =
  ({ api }: Started, cluster: Cluster) =>
  async (object: KubeObject, world: World): Promise<void> => {
    const stored = named<KubeObject>(world, object.kind, object.metadata.name ?? "");
    if (needsApply(object, stored, fieldManager))
      await cluster.apply(api.typeOf(object.kind), withReplicas(object, stored), { fieldManager, force: true });
  };

/** An apply of every child that differs; then those that are no longer wanted go. @throws ApiError, ServalError. */
async function applyChildren({ api, apply }: Pass, resolved: Resolved, before: World): Promise<void> {
  const workloads = buildWorkloads(resolved);
  for (const object of workloads) await apply(object, before);
  const world = await worldOf(api);
  const isReady = (role: Role): boolean => {
    const component = resolved.components.find((candidate) => candidate.role === role);
    return deploymentVerdict(component && named<Deployment>(world, "Deployment", component.workload)).status === "True";
  };
  for (const object of buildRoutes(resolved, isReady)) await apply(object, world);
  const wanted = wantedKeys(resolved, workloads);
  for (const child of childKinds.flatMap((kind) => all<AnyObject>(world, kind)))
    if (isOwned(child, resolved.isvc) && !wanted.has(childKey(child)))
      await api.delete(child.kind, child.metadata.name ?? "");
}

/** @returns whether the status changed. */
async function reconcileService(pass: Pass, name: string): Promise<boolean> {
  const { api, config, refused } = pass;
  const before = await worldOf(api);
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
    try {
      await applyChildren(pass, resolution.resolved, before);
      refused.delete(name);
    } catch (error) {
      const cause = error instanceof ChildError ? error.cause : error;
      if (!(cause instanceof ApiError || cause instanceof ServalError)) throw error;
      refused.add(name);
      return false;
    }
    await settleDeployments(api);
    status = statusFrom(resolution.resolved, { isvc: stored, live: liveOf(await worldOf(api), name), now });
  }
  const patch = mergePatchBetween(stored.status ?? {}, JSON.parse(JSON.stringify(status)));
  if (patch === undefined) return false;
  await api.patch("InferenceService", name, { status: patch }, "status");
  return true;
}

async function settle(pass: Pass): Promise<void> {
  const { api } = pass;
  for (let round = 0; round < mostRounds; round += 1) {
    let isMoving = await settleDeployments(api);
    for (const { metadata } of await api.list("InferenceService")) {
      const { name = "" } = metadata;
      if (metadata.deletionTimestamp !== undefined)
        await api.patch("InferenceService", name, { metadata: { finalizers: null } });
      else if (await reconcileService(pass, name)) isMoving = true;
    }
    for (const { metadata } of await api.list("InferenceGraph"))
      if (await reconcileGraph(pass, metadata.name ?? "")) isMoving = true;
    await collectGarbage(api);
    if (!isMoving) return;
  }
}

/** Bound late, as the operator does: rules about runtimes see those that are stored. */
function bindAdmission({ admission, store, config }: Started, cluster: Cluster): void {
  const stored = (plural: string, within = ""): ServingRuntime[] =>
    store.list(`serving.kserve.io/${plural}/${within}`).map(({ value }) => value as unknown as ServingRuntime);
  admission.bind({
    cluster,
    config: () => config,
    caches: {
      clusterRuntimes: { list: () => stored("clusterservingruntimes") },
      runtimes: {
        list: (namespace: string | undefined) =>
          stored("servingruntimes", namespace === undefined ? "" : `${namespace}/`),
      },
    } as Parameters<typeof admission.bind>[0]["caches"],
  });
}

async function playCase(found: FoundCase): Promise<Played> {
  const started = await startServer(found);
  const cluster = createCluster(started.server.transport, fieldManager);
  bindAdmission(started, cluster);
  const { api, config } = started;
  const refused = new Set<string>();
  const everRefused = new Set<string>();
  const pass: Pass = { started, api, config, now, refused, apply: applier(started, cluster) };
  try {
    const recording = await playSteps(api, found.golden, async () => {
      await settle(pass);
      for (const name of refused) everRefused.add(`InferenceService/${name}`);
    });
    const knows = (key: string): boolean => !withoutBuilders.test(key) && !everRefused.has(key);
    return { recording, options: { knows, events: false } };
  } finally {
    await started.close();
  }
}

/** Nothing waits here, so that nothing is gained by playing two cases at once. */
export const pureHome = (): Home => ({ name: "pure", concurrency: 1, play: playCase, close: async () => {} });
