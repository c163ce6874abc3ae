// SPDX-License-Identifier: Apache-2.0
// The operator on a real kube-apiserver with a real kube-controller-manager. One server for all cases: they follow each
// other, each in the same namespace after everything of the one before is gone.
import { type AnyObject, type CustomResourceDefinition, type ResourceType, resourcePath, resources } from "@serval/api";
import { createRegistry } from "@serval/embedded/apiserver/resources/registry.ts";
import { type Cluster, createCluster, createInformer } from "@serval/kube";
import { silentLogger } from "@serval/observe";
import {
  type AdmissionState,
  createAdmissionState,
  startOperator,
  startWebhooks,
  webhookPlugins,
} from "@serval/operator";
import { findAssets, freePort, type RealApiServer, startRealApiServer } from "../../cluster/kube-apiserver.ts";
import { type Api, createApi } from "../api.ts";
import { type FoundCase, UsageError } from "../case.ts";
import { allCrds, clusterObjects, configMap, namespace } from "../context.ts";
import type { Home, Played } from "../home.ts";
import { quiet } from "../quiet.ts";
import { playSteps } from "../steps.ts";
import { startControllerManager } from "./controller-manager.ts";

const quietMs = 450;
const deadlineMs = 25_000;
const pollMs = 50;
const unwatched = new Set(["CustomResourceDefinition", "Event", "Lease", "Node", "EndpointSlice"]);

async function until(what: string, test: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + deadlineMs; performance.now() < end; ) {
    if (await test()) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error(`${what} took longer than ${deadlineMs / 1_000} s`);
}

interface Ready {
  readonly server: RealApiServer;
  readonly crds: readonly CustomResourceDefinition[];
  readonly types: readonly ResourceType[];
  readonly onChange: (listener: () => void) => () => void;
  /** What the webhooks judge by; bound to the operator of each case. */
  readonly admission: AdmissionState;
  close(): Promise<void>;
}

/** Groups of *.k8s.io ask for a word on their approval, which the context's CRDs have lost. */
function installable(crd: CustomResourceDefinition): CustomResourceDefinition {
  if (!crd.spec.group.endsWith(".k8s.io")) return crd;
  const annotations = { "api-approved.kubernetes.io": "unapproved", ...crd.metadata.annotations };
  return { ...crd, metadata: { ...crd.metadata, annotations } };
}

async function installCrds(cluster: Cluster, crds: readonly CustomResourceDefinition[]): Promise<void> {
  for (const crd of crds)
    await cluster.apply(resources.customResourceDefinitions, installable(crd), {
      fieldManager: "golden",
      force: true,
    });
  for (const crd of crds)
    await until(`establishing ${crd.metadata.name}`, async () => {
      const stored = await cluster.get(resources.customResourceDefinitions, { name: crd.metadata.name ?? "" });
      const conditions = (stored as unknown as { status?: { conditions?: { type: string; status: string }[] } }).status
        ?.conditions;
      return conditions?.some(({ type, status }) => type === "Established" && status === "True") === true;
    });
}

/** Told of every change of everything in the namespace. */
async function watchNamespace({
  cluster,
  types,
  signal,
}: {
  cluster: Cluster;
  types: readonly ResourceType[];
  signal: AbortSignal;
}) {
  const listeners = new Set<() => void>();
  const informers = types.map((type) =>
    createInformer(cluster, type, {
      namespace,
      signal,
      transform: ({ apiVersion, kind, metadata }) => ({ apiVersion, kind, metadata }),
    }),
  );
  for (const informer of informers)
    informer.onChange(() => {
      for (const listener of listeners) listener();
    });
  await Promise.all(informers.map(({ synced }) => synced));
  return (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
}

async function start(contextDir: string): Promise<Ready> {
  const assets = await findAssets(["kube-apiserver", "kube-controller-manager"]);
  if (assets.startsWith("skip:")) throw new UsageError(assets.slice("skip:".length).trim());
  const server = await startRealApiServer(assets, [], { serviceAccounts: true });
  const manager = startControllerManager(assets, server.kubeconfig);
  const ending = new AbortController();
  const close = async (): Promise<void> => {
    ending.abort();
    await manager.close();
    await server.close();
  };
  try {
    return { server, close, ...(await prepare(server.cluster, contextDir, ending.signal)) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Definitions, namespaces and runtimes that every case finds. */
async function prepare(
  cluster: Cluster,
  contextDir: string,
  signal: AbortSignal,
): Promise<Omit<Ready, "server" | "close">> {
  const crds = allCrds(contextDir);
  await installCrds(cluster, crds);
  for (const name of ["kserve", namespace])
    await cluster.create(resources.namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  await until("the default service account", async () => {
    return (await cluster.get(resources.serviceAccounts, { namespace, name: "default" })) !== undefined;
  });
  const api = createApi(cluster.transport, crds);
  for (const object of clusterObjects(contextDir)) {
    const { refusal } = await api.apply(object);
    if (refusal !== undefined) throw new Error(`cannot load ${object.metadata.name}: ${refusal.message}`);
  }
  const types = new Map<string, ResourceType>();
  for (const { type } of createRegistry(crds).resources)
    if (type.namespaced && !unwatched.has(type.kind)) types.set(`${type.group}/${type.kind}`, type);
  const onChange = await watchNamespace({ cluster, types: [...types.values()], signal });
  return { crds, types: [...types.values()], onChange, admission: await serveWebhooks(cluster, signal) };
}

/** The operator's own webhooks, for as long as the server runs: clearing up after a case is judged too. */
async function serveWebhooks(cluster: Cluster, signal: AbortSignal): Promise<AdmissionState> {
  const admission = createAdmissionState();
  const port = await freePort();
  const webhooks = await startWebhooks({
    cluster,
    plugins: webhookPlugins(admission, cluster),
    namespace: "kserve",
    target: { url: `https://127.0.0.1:${port}` },
    host: "127.0.0.1",
    port,
    signal,
    log: silentLogger,
  });
  await until("the webhooks' readiness", async () => webhooks.notReady() === undefined);
  return admission;
}

/** Made by Kubernetes' own controllers in every namespace. */
const stays = ({ kind, metadata }: AnyObject): boolean =>
  (kind === "ServiceAccount" && metadata.name === "default") ||
  (kind === "ConfigMap" && metadata.name === "kube-root-ca.crt");

/** Removes what a case left: owners first, what nobody collects after them. */
async function clear({ server, types }: Ready): Promise<void> {
  const { transport } = server.cluster;
  const list = async (type: ResourceType): Promise<AnyObject[]> => {
    const { body } = await transport.send({ method: "GET", path: resourcePath(type, { namespace }) });
    const { items = [] } = body as { items?: AnyObject[] };
    return items.map((item) => ({ ...item, kind: type.kind })).filter((item) => !stays(item));
  };
  const isOurs = ({ group }: ResourceType): boolean => group === "serving.kserve.io";
  await until("clearing the namespace", async () => {
    let left = 0;
    for (const type of types.toSorted((a, b) => Number(isOurs(b)) - Number(isOurs(a)))) {
      const objects = await list(type);
      left += objects.length;
      for (const { metadata } of objects) {
        const path = resourcePath(type, { namespace, name: metadata.name });
        if (metadata.deletionTimestamp === undefined)
          await transport.send({
            method: "DELETE",
            path,
            body: { propagationPolicy: "Background", gracePeriodSeconds: 0 },
          });
        // The operator of the case is gone: its finalizers are ours to take.
        else
          await transport.send({
            method: "PATCH",
            path,
            contentType: "application/merge-patch+json",
            body: { metadata: { finalizers: null } },
          });
      }
    }
    return left === 0;
  });
  await transport.send({ method: "DELETE", path: resourcePath(resources.coreEvents, { namespace }) });
  const account = { labels: null, annotations: null };
  const path = resourcePath(resources.serviceAccounts, { namespace, name: "default" });
  const contentType = "application/merge-patch+json";
  await transport.send({
    method: "PATCH",
    path,
    contentType,
    body: { metadata: account, secrets: null, imagePullSecrets: null },
  });
}

async function applyConfig(api: Api, found: FoundCase): Promise<void> {
  const wanted = configMap(found);
  await api.transport.send({
    method: "DELETE",
    path: resourcePath(resources.configMaps, wanted.metadata as { namespace: string; name: string }),
  });
  const { refusal } = await api.apply(wanted);
  if (refusal !== undefined) throw new Error(`cannot load the ConfigMap: ${refusal.message}`);
}

async function playCase(ready: Ready, found: FoundCase): Promise<Played> {
  const { server, crds, admission } = ready;
  await applyConfig(createApi(server.cluster.transport, crds), found);
  const ending = new AbortController();
  const cluster = createCluster(server.cluster.transport, "serval-operator");
  // Nothing routes here, so nothing has to wait before a workload goes.
  const operator = await startOperator({ cluster, log: silentLogger, signal: ending.signal, admission, drainMs: 0 });
  await operator.synced;
  const settle = (): Promise<void> =>
    quiet({ subscribe: ready.onChange, isIdle: () => operator.settling() === 0, quietMs, deadlineMs });
  try {
    return { recording: await playSteps(createApi(server.cluster.transport, crds), found.golden, settle), options: {} };
  } finally {
    ending.abort();
    await operator.stopped;
    await clear(ready);
  }
}

export function clusterHome(): Home {
  let ready: Promise<Ready> | undefined;
  return {
    name: "cluster",
    concurrency: 1,
    async play(found) {
      ready ??= start(found.contextDir);
      return playCase(await ready, found);
    },
    async close() {
      const started = await ready?.catch(() => undefined);
      await started?.close();
    },
  };
}
