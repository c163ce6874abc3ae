// SPDX-License-Identifier: Apache-2.0
// The operator on the embedded API server, in process, with its built-in controllers but without a kubelet: the test
// plays the kubelet and the gateway, and every call of the operator is counted.
import {
  type AnyObject,
  type ClusterServingRuntime,
  clusterServingRuntimes,
  defaultConfigMap,
  type HTTPRoute,
  type InferenceService,
  inferenceServices,
  type Key,
  type KubeObject,
  keyOf,
  type Pod,
  parseConfig,
  type ResourceType,
  resources,
  servingCrds,
} from "@serval/api";
import gatewayApiCrds from "@serval/api/core/gateway-api-crds.gen.json" with { type: "json" };
import { createApiServer } from "@serval/embedded/apiserver/index.ts";
import { startControllers } from "@serval/embedded/controllers/index.ts";
import { schedulerAdmission, thisNode } from "@serval/embedded/controllers/scheduler.ts";
import { memoryStore } from "@serval/embedded/store/index.ts";
import {
  type Cluster,
  createCluster,
  createInformer,
  loadKubeconfig,
  remoteTransport,
  type Transport,
} from "@serval/kube";
import { Registry, silentLogger } from "@serval/observe";
import {
  type AdmissionState,
  admissionPlugins,
  createAdmissionState,
  type Operator,
  startOperator,
} from "@serval/operator";

export interface Home {
  readonly cluster: Cluster;
  /** `PATCH inferenceservices/status`, … of the operator since the last reset; watches and lists are left out. */
  readonly calls: string[];
  operator: Operator;
  /** Of the operator that runs now. */
  metrics: Registry;
  /** Ends the operator and starts a new one on the same cluster. */
  restartOperator(): Promise<void>;
  /** Resolves with the service as soon as `test` holds; fails with its last state. */
  until(key: Key, test: (isvc: InferenceService) => boolean): Promise<InferenceService>;
  /** Resolves when nothing was written for a while: the operator has no more to say. */
  quiet(): Promise<void>;
  close(): Promise<void>;
}

const deadlineMs = 15_000;
/** A real cluster may hold what an earlier run left: every run has its own namespace there. */
export const kubeconfig = process.env["SERVAL_TEST_KUBECONFIG"];
export const namespace = kubeconfig === undefined ? "default" : `stories-${process.pid}`;
const node = thisNode("test");

/** One call in words. */
function described(method: string, path: string): string {
  const parts = path.split("/").filter((part) => part !== "");
  const namespaced = parts.indexOf("namespaces");
  const rest = namespaced >= 0 ? parts.slice(namespaced + 2) : parts.slice(parts[0] === "api" ? 2 : 3);
  return `${method} ${rest[0]}${rest[2] === undefined ? "" : `/${rest[2]}`}`;
}

const counting = (transport: Transport, calls: string[]): Transport => ({
  send: (request) => {
    if (request.method !== "GET") calls.push(described(request.method, request.path));
    return transport.send(request);
  },
  close: () => transport.close(),
});

export const sklearnRuntime: ClusterServingRuntime = {
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "ClusterServingRuntime",
  metadata: { name: "kserve-sklearnserver", annotations: { "serving.kserve.io/server-type": "sklearnserver" } },
  spec: {
    supportedModelFormats: [{ name: "sklearn", version: "1", autoSelect: true, priority: 1 }],
    protocolVersions: ["v1", "v2"],
    containers: [{ name: "kserve-container", image: "kserve/sklearnserver:latest", args: ["--model_name={{.Name}}"] }],
  },
};

export const sklearn = (name: string, more: object = {}, metadata: object = {}): InferenceService =>
  ({
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: {
      name,
      namespace,
      ...metadata,
    },
    spec: { predictor: { model: { modelFormat: { name: "sklearn" }, storageUri: "file:///models/iris" } }, ...more },
  }) as InferenceService;

export const conditionOf = (isvc: InferenceService, type: string): string => {
  const found = isvc.status?.conditions?.find((condition) => condition.type === type);
  return found === undefined ? "" : [found.status, found.reason].filter(Boolean).join(" ");
};

interface Server {
  readonly transport: Transport;
  readonly stopped: Promise<void>;
  close(): Promise<void>;
}

const crds = [...servingCrds(), ...(gatewayApiCrds as never[])];
const settings = defaultConfigMap({ home: "embedded", gatewayPort: 8080 });

/** The embedded API server with its built-in controllers. */
async function embedded(admission: AdmissionState, signal: AbortSignal): Promise<Server> {
  const server = await createApiServer({
    store: memoryStore(),
    crds,
    admission: [...admissionPlugins(admission), schedulerAdmission(node)],
    log: silentLogger,
  });
  const controllers = startControllers({
    cluster: createCluster(server.transport, "controllers"),
    dataDir: "",
    types: [
      resources.pods,
      resources.replicaSets,
      resources.deployments,
      resources.services,
      resources.horizontalPodAutoscalers,
      resources.httpRoutes,
      inferenceServices,
    ] as never,
    node,
    signal,
    log: silentLogger,
  });
  return { transport: server.transport, stopped: controllers.stopped, close: () => server.close() };
}

/** A real kube-apiserver with kube-controller-manager; admission is not in force there. */
async function remote(kubeconfig: string): Promise<Server> {
  const transport = remoteTransport(await loadKubeconfig(kubeconfig));
  const cluster = createCluster(transport, "test");
  for (const crd of crds) {
    await cluster.apply(resources.customResourceDefinitions, crd, { fieldManager: "test", force: true });
  }
  for (const type of [inferenceServices, clusterServingRuntimes, resources.httpRoutes])
    await established(cluster, type);
  for (const name of ["kserve", namespace])
    await cluster.apply(
      resources.namespaces,
      { apiVersion: "v1", kind: "Namespace", metadata: { name } },
      { fieldManager: "test" },
    );
  return { transport, stopped: Promise.resolve(), close: () => transport.close() };
}

/** A new CRD is served a moment after it is accepted. */
async function established(cluster: Cluster, type: ResourceType): Promise<void> {
  for (const end = Date.now() + deadlineMs; ; ) {
    const failure = await cluster.list(type, { limit: 1 }).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined) return;
    if (Date.now() > end) throw failure;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** On the real cluster of SERVAL_TEST_KUBECONFIG, else on the embedded API server. */
export async function startHome(): Promise<Home> {
  const ending = new AbortController();
  const admission = createAdmissionState(parseConfig(settings.data).config);
  const server = kubeconfig === undefined ? await embedded(admission, ending.signal) : await remote(kubeconfig);
  const cluster = createCluster(server.transport, "test");
  await cluster.apply(resources.configMaps, settings, { fieldManager: "test", force: true });
  await cluster.apply(clusterServingRuntimes, sklearnRuntime, { fieldManager: "test", force: true });
  const calls: string[] = [];
  const operated = createCluster(counting(server.transport, calls), "serval-operator");
  let stop = new AbortController();
  let metrics = new Registry();
  const start = async (): Promise<Operator> => {
    metrics = new Registry();
    const operator = await startOperator({
      cluster: operated,
      log: silentLogger,
      signal: stop.signal,
      admission,
      metrics,
      drainMs: 50,
    });
    await operator.synced;
    return operator;
  };
  const informer = createInformer(cluster, inferenceServices, { signal: ending.signal });
  const home: Home = {
    cluster,
    calls,
    operator: await start(),
    metrics,
    async restartOperator() {
      stop.abort();
      await home.operator.stopped;
      stop = new AbortController();
      home.operator = await start();
      home.metrics = metrics;
    },
    until(key, test) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`deadline; last state: ${JSON.stringify(informer.get(key)?.status, null, 1)}`)),
          deadlineMs,
        );
        informer.onChange(({ object }) => {
          if (object.metadata.name !== key.name || !test(object)) return;
          clearTimeout(timer);
          resolve(object);
        });
      });
    },
    async quiet() {
      for (let seen = -1; seen !== calls.length; ) {
        seen = calls.length;
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
    },
    async close() {
      stop.abort();
      ending.abort();
      await Promise.all([home.operator.stopped, server.stopped]);
      await server.close();
    },
  };
  return home;
}

export const isReady = (isvc: InferenceService): boolean => conditionOf(isvc, "Ready") === "True";

/** Any object: resolves when `test` holds; undefined stands for "it is gone". Fails with its last state. */
export function untilObject<T extends KubeObject>(
  home: Home,
  type: ResourceType<T>,
  name: string,
  test: (object: T | undefined) => boolean,
): Promise<T | undefined> {
  const end = new AbortController();
  const informer = createInformer(home.cluster, type, { namespace, signal: end.signal });
  const key = { namespace, name };
  return new Promise<T | undefined>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`deadline: ${JSON.stringify(informer.get(key), undefined, 1)}`)),
      deadlineMs,
    );
    const look = (): void => {
      const object = informer.get(key);
      if (!informer.isSynced || !test(object)) return;
      clearTimeout(timer);
      resolve(object);
    };
    informer.onChange(look);
    void informer.synced.then(look);
  }).finally(() => end.abort());
}

/** Deletes what a story made, and lets the operator finish. */
export async function emptied(home: Home, ...types: readonly ResourceType<KubeObject>[]): Promise<void> {
  for (const type of types) {
    const { items } = await home.cluster.list(type, { namespace });
    for (const object of items) await home.cluster.delete(type, keyOf(object));
  }
  await home.quiet();
}

/** Plays the kubelet: waits for a pod of the component and writes its status. */
export async function setPodStatus(home: Home, app: string, status: Pod["status"]): Promise<void> {
  const stop = new AbortController();
  const pods = createInformer(home.cluster, resources.pods, { labelSelector: `app=${app}`, signal: stop.signal });
  const pod = await new Promise<Pod>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`deadline: no pod of ${app}`)), deadlineMs);
    pods.onChange(({ object }) => {
      const isReady = object.status?.conditions?.some(
        ({ type, status: truth }) => type === "Ready" && truth === "True",
      );
      if (object.metadata?.deletionTimestamp !== undefined || isReady === true) return;
      clearTimeout(timer);
      resolve(object);
    });
  });
  stop.abort();
  const key = { namespace: pod.metadata?.namespace, name: pod.metadata?.name ?? "" };
  await home.cluster.patch(resources.pods, key, { type: "merge", body: { status } }, { subresource: "status" });
}

export const readyPod: Pod["status"] = {
  phase: "Running",
  conditions: [
    { type: "Ready", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" },
    { type: "ContainersReady", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" },
  ],
};

/** Plays the gateway: accepts every route from now on. */
export function acceptRoutes(home: Home, signal: AbortSignal): void {
  const routes = createInformer(home.cluster, resources.httpRoutes, { signal });
  routes.onChange(({ type, object }) => {
    if (type === "deleted" || object.status !== undefined) return;
    const [parentRef] = object.spec.parentRefs ?? [];
    const condition = (name: string) => ({
      type: name,
      status: "True",
      reason: name,
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    });
    const status = {
      parents: [
        {
          parentRef,
          controllerName: "serval.dev/gateway",
          conditions: [condition("Accepted"), condition("ResolvedRefs")],
        },
      ],
    } as HTTPRoute["status"];
    const key = { namespace: object.metadata.namespace, name: object.metadata.name ?? "" };
    void home.cluster.patch(resources.httpRoutes, key, { type: "merge", body: { status } }, { subresource: "status" });
  });
}

export type { AnyObject };
