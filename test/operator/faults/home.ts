// SPDX-License-Identifier: Apache-2.0
// One API server with its built-in controllers, a played kubelet and gateway, and operators that can be killed at any of
// their calls. Stories run beside each other, each in a namespace of its own.
import {
  clusterServingRuntimes,
  defaultConfigMap,
  type HTTPRoute,
  inferenceGraphs,
  inferenceServices,
  type KubeObject,
  parseConfig,
  type ResourceType,
  resources,
  servingCrds,
  trainedModels,
} from "@serval/api";
import gatewayApiCrds from "@serval/api/core/gateway-api-crds.gen.json" with { type: "json" };
import { type ApiServer, createApiServer } from "@serval/embedded/apiserver/index.ts";
import { startControllers } from "@serval/embedded/controllers/index.ts";
import { schedulerAdmission, thisNode } from "@serval/embedded/controllers/scheduler.ts";
import { memoryStore, type Store } from "@serval/embedded/store/index.ts";
import {
  type Cluster,
  createCluster,
  createInformer,
  type Informer,
  isConflict,
  isNotFound,
  runController,
  type Transport,
  watchOf,
} from "@serval/kube";
import { silentLogger } from "@serval/observe";
import { admissionPlugins, createAdmissionState, type Operator, startOperator } from "@serval/operator";
import { readyPod } from "../home.ts";
import { clusterObjects } from "./cluster-objects.ts";

const crds = [...servingCrds(), ...(gatewayApiCrds as never[])];
const settings = defaultConfigMap({ home: "embedded", gatewayPort: 8080 });
/** Pods of every story fit. */
const node = { ...thisNode("test"), extended: { "nvidia.com/gpu": 100_000 } };

/** Kinds whose objects are compared between a disturbed and an undisturbed run. */
export const comparedTypes = [
  inferenceServices,
  inferenceGraphs,
  trainedModels,
  resources.deployments,
  resources.services,
  resources.horizontalPodAutoscalers,
  resources.httpRoutes,
  resources.configMaps,
  resources.replicaSets,
  resources.pods,
] as unknown as readonly ResourceType<KubeObject>[];

export type OperatorSettings = Omit<Parameters<typeof startOperator>[0], "cluster" | "log" | "signal" | "admission">;

export interface RunningOperator {
  readonly operator: Operator;
  /** As `kill -9`: nothing of it reaches the API server any more, whatever it still does. */
  kill(): void;
  /** Ends in an orderly way. */
  stop(): Promise<void>;
}

export interface FaultHome {
  /** As the user and everyone else but the operator. */
  readonly cluster: Cluster;
  readonly informers: readonly Informer<KubeObject>[];
  /** Calls after changes in a namespace. @returns the end of it. */
  onChange(namespace: string, listener: () => void): () => void;
  /** @param through what the operator's calls pass on their way. @param kill as `RunningOperator.kill`. */
  start(
    through?: (transport: Transport, kill: () => void) => Transport,
    more?: OperatorSettings,
  ): Promise<RunningOperator>;
  /** The API server ends with all its watches, and a new one reads the same store. */
  restartServer(): Promise<void>;
  close(): Promise<void>;
}

const connectionError = (code: string): Error => Object.assign(new Error(`connect ${code} 127.0.0.1`), { code });

/** Everything that an API server alone does not do. */
function startNeighbours(transport: Transport, signal: AbortSignal): { stopped: Promise<unknown> } {
  const cluster = createCluster(transport, "controllers");
  const types = comparedTypes.concat([resources.endpointSlices] as never) as never;
  const controllers = startControllers({ cluster, dataDir: "", types, node, signal, log: silentLogger });
  const pods = createInformer(cluster, resources.pods, { signal });
  const routes = createInformer(cluster, resources.httpRoutes, { signal });
  const gone = (error: unknown): undefined => {
    if (!isNotFound(error) && !isConflict(error)) throw error;
    return undefined;
  };
  const kubelet = runController({
    name: "kubelet",
    watches: [watchOf(pods)],
    signal,
    reconcile: async (key) => {
      const pod = pods.get(key);
      if (pod?.metadata?.deletionTimestamp !== undefined)
        await cluster.delete(resources.pods, key, { gracePeriodSeconds: 0 }).catch(gone);
      if (pod === undefined || pod.metadata?.deletionTimestamp !== undefined || pod.status?.phase === "Running")
        return undefined;
      const body = { metadata: { uid: pod.metadata?.uid }, status: readyPod };
      await cluster.patch(resources.pods, key, { type: "merge", body }, { subresource: "status" }).catch(gone);
      return undefined;
    },
  });
  const gateway = runController({
    name: "gateway",
    watches: [watchOf(routes)],
    signal,
    reconcile: async (key) => {
      const route = routes.get(key);
      if (route === undefined || route.status !== undefined) return undefined;
      const body = { metadata: { uid: route.metadata.uid }, status: accepted(route) };
      await cluster.patch(resources.httpRoutes, key, { type: "merge", body }, { subresource: "status" }).catch(gone);
      return undefined;
    },
  });
  return { stopped: Promise.all([controllers.stopped, kubelet.stopped, gateway.stopped]) };
}

function accepted(route: HTTPRoute): HTTPRoute["status"] {
  const conditions = ["Accepted", "ResolvedRefs"].map((type) => ({
    type,
    status: "True",
    reason: type,
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  }));
  const [parentRef] = route.spec.parentRefs ?? [];
  return { parents: [{ parentRef, controllerName: "serval.dev/gateway", conditions }] } as HTTPRoute["status"];
}

/** @param openStore called again for every restart of the API server; the store before was closed then. */
export async function startFaultHome(openStore?: () => Promise<Store>): Promise<FaultHome> {
  // Memory only: the store outlives the server, as a disk does.
  const memory = memoryStore();
  const open = openStore ?? (async () => memory);
  let store = await open();
  let restarting = Promise.resolve();
  const admission = createAdmissionState(parseConfig(settings.data).config);
  const boot = (): Promise<ApiServer> =>
    createApiServer({
      store,
      crds,
      admission: [...admissionPlugins(admission), schedulerAdmission(node)],
      log: silentLogger,
    });
  let server: ApiServer | undefined = await boot();
  const transport: Transport = {
    send: (request) =>
      server === undefined ? Promise.reject(connectionError("ECONNREFUSED")) : server.transport.send(request),
    close: async () => {},
  };
  const ending = new AbortController();
  // Users wait until there is a server again.
  const patient: Transport = { ...transport, send: (request) => restarting.then(() => transport.send(request)) };
  const cluster = createCluster(patient, "test");
  await cluster.apply(resources.configMaps, settings, { fieldManager: "test", force: true });
  for (const runtime of clusterObjects)
    await cluster.apply(clusterServingRuntimes, runtime, { fieldManager: "test", force: true });
  const neighbours = startNeighbours(transport, ending.signal);
  const informers = comparedTypes.map((type) => createInformer(cluster, type, { signal: ending.signal }));
  await Promise.all(informers.map((informer) => informer.synced));
  const listeners = new Map<string, Set<() => void>>();
  for (const informer of informers)
    informer.onChange(({ object }) => {
      for (const listener of listeners.get(object.metadata.namespace ?? "") ?? []) listener();
    });
  const running: RunningOperator[] = [];
  return {
    cluster,
    informers,
    onChange(namespace, listener) {
      const known = listeners.get(namespace) ?? new Set();
      listeners.set(namespace, known.add(listener));
      return () => void known.delete(listener);
    },
    async start(through = (inner) => inner, more = {}) {
      const stop = new AbortController();
      let isDead = false;
      const kill = (): void => {
        isDead = true;
        stop.abort();
      };
      // Neither what it sends from now on nor what it has sent already gets through.
      const mortal = (inner: Transport): Transport => ({
        send: (request) => (isDead ? new Promise(() => {}) : inner.send(request)),
        close: async () => {},
      });
      const operator = await startOperator({
        cluster: createCluster(mortal(through(mortal(transport), kill)), "serval-operator"),
        log: silentLogger,
        signal: stop.signal,
        admission,
        drainMs: 50,
        ...more,
      });
      operator.synced.catch(() => {});
      const self: RunningOperator = {
        operator,
        kill,
        async stop() {
          stop.abort();
          if (!isDead) await operator.stopped;
        },
      };
      running.push(self);
      return self;
    },
    restartServer() {
      restarting = restarting.then(async () => {
        const old = server;
        server = undefined;
        await old?.close();
        if (openStore !== undefined) await store.close();
        store = await open();
        server = await boot();
      });
      return restarting;
    },
    async close() {
      await Promise.all(running.map((one) => one.stop()));
      ending.abort();
      await neighbours.stopped;
      await restarting;
      await server?.close();
      await store.close();
    },
  };
}

export const namespaceOfPath = (path: string): string | undefined => /\/namespaces\/([^/]+)\//.exec(path)?.[1];
