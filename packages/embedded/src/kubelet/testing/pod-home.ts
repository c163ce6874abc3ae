// SPDX-License-Identifier: Apache-2.0
// A kubelet with its API server in this process and a directory of its own, for tests: pods run for real. Waiting is for
// events with a deadline, never for time.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Container,
  type Event,
  type KubeObject,
  keyText,
  type Pod,
  type ResourceType,
  resources,
} from "@serval/api";
import { type Cluster, createCluster, createInformer, type Informer } from "@serval/kube";
import { type Logger, silentLogger } from "@serval/observe";
import { createApiServer, type LogOptions, type ResourceMetrics } from "../../apiserver/index.ts";
import { startControllers } from "../../controllers/index.ts";
import { schedulerAdmission, thisNode } from "../../controllers/scheduler.ts";
import { memoryStore } from "../../store/index.ts";
import { type Kubelet, startKubelet } from "../kubelet.ts";
import { kubeletLogs } from "../kubelet-logs.ts";
import { loopbackNetwork } from "../pod-network.ts";
import { createLimitEnforcer, type LimitEnforcer } from "../resource-limits.ts";

/** Far longer than anything takes: only a failure waits it out. */
const deadlineMs = 30_000;

export interface PodHome extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly dataDir: string;
  readonly limits: LimitEnforcer;
  readonly kubelet: Kubelet;
  /** Resolves with the object when `accept` likes it. */
  until<T extends KubeObject>(
    type: ResourceType<T>,
    key: { namespace?: string; name: string },
    accept: (object: T) => boolean,
    what: string,
  ): Promise<T>;
  pod(name: string, accept: (pod: Pod) => boolean, what: string): Promise<Pod>;
  gone<T extends KubeObject>(type: ResourceType<T>, key: { namespace?: string; name: string }): Promise<void>;
  /** Creates a pod in `default`; its image stands for a command of this machine. */
  run(name: string, spec: Partial<NonNullable<Pod["spec"]>>, metadata?: Partial<Pod["metadata"]>): Promise<Pod>;
  logs(name: string, options?: Partial<LogOptions>): Promise<string>;
  eventsOf(name: string): Promise<Event[]>;
  /** The kubelet goes away (processes stay) and `between` happens before another one comes. */
  replaceKubelet(between?: () => Promise<void>): Promise<void>;
}

export const shell = (script: string, more: Partial<Container> = {}): Container => ({
  name: "main",
  image: "serval.dev/local",
  command: ["sh", "-c", script],
  ...more,
});

export const program = (script: string, more: Partial<Container> = {}): Container => ({
  name: "main",
  image: "serval.dev/local",
  command: ["node", "-e", script],
  ...more,
});

interface Watcher {
  until<T extends KubeObject>(
    type: ResourceType<T>,
    name: string,
    accept: (object: T | undefined) => boolean,
    what: string,
  ): Promise<T | undefined>;
}

/** One informer per kind; waiting subscribes to it. */
function createWatcher(cluster: Cluster, signal: AbortSignal): Watcher {
  const informers = new Map<string, { informer: Informer<KubeObject>; waiting: Set<() => void> }>();
  const watched = (type: ResourceType<KubeObject>) => {
    const known = informers.get(type.plural);
    if (known !== undefined) return known;
    const informer = createInformer(cluster, type, { signal });
    const waiting = new Set<() => void>();
    informer.onChange(() => {
      for (const look of waiting) look();
    });
    const entry = { informer, waiting };
    informers.set(type.plural, entry);
    return entry;
  };
  return {
    async until<T extends KubeObject>(
      type: ResourceType<T>,
      name: string,
      accept: (object: T | undefined) => boolean,
      what: string,
    ) {
      const { informer, waiting } = watched(type as unknown as ResourceType<KubeObject>);
      await informer.synced;
      const find = () => informer.list().find((object) => keyText(object.metadata) === name) as T | undefined;
      return new Promise<T | undefined>((resolve, reject) => {
        const end = (): void => {
          clearTimeout(timer);
          waiting.delete(look);
        };
        const look = (): void => {
          if (!accept(find())) return;
          end();
          resolve(find());
        };
        const timer = setTimeout(() => {
          end();
          const status = JSON.stringify((find() as { status?: unknown } | undefined)?.status, undefined, 1);
          reject(new Error(`${type.kind} ${name}: not ${what} within ${deadlineMs} ms; its status: ${status}`));
        }, deadlineMs);
        waiting.add(look);
        look();
      });
    },
  };
}

/** @param options `controllers`: run the built-in controllers too. */
export async function startPodHome(
  options: {
    controllers?: boolean;
    octet?: number;
    log?: Logger;
    path?: string;
    /** Usage is measured and autoscalers are looked at this often. */
    autoscaleEveryMs?: number;
  } = {},
): Promise<PodHome> {
  const { octet = 11, log = silentLogger, autoscaleEveryMs } = options;
  const dataDir = await mkdtemp(join(tmpdir(), "serval-kubelet-"));
  const abort = new AbortController();
  const node = thisNode("test");
  let kubelet: Kubelet;
  const metrics: ResourceMetrics = {
    ofPod: (pod) => kubelet.usage.ofPod(pod),
    ofNode: () => kubelet.usage.ofNode(),
  };
  const server = await createApiServer({
    store: memoryStore(),
    crds: [],
    admission: [schedulerAdmission(node)],
    podLogs: { readLogs: (pod, query) => kubeletLogs(kubelet).readLogs(pod, query) },
    metrics,
    serviceOctet: octet,
    log,
  });
  const cluster = createCluster(server.transport, "kubelet-test");
  const limits = await createLimitEnforcer(`serval-test-${process.pid}-${octet}`);
  const start = () =>
    startKubelet({
      cluster,
      dataDir,
      programs: { node: process.execPath, serval: "serval", cacheDir: dataDir },
      network: loopbackNetwork(octet),
      limits,
      path: options.path ?? process.env["PATH"] ?? "/usr/bin:/bin",
      pullImage: async () => {},
      version: "test",
      ...(autoscaleEveryMs === undefined ? {} : { measureEveryMs: autoscaleEveryMs }),
      log,
    });
  kubelet = await start();
  const types = [
    resources.pods,
    resources.replicaSets,
    resources.deployments,
    resources.services,
    resources.endpointSlices,
    resources.configMaps,
    resources.secrets,
    resources.persistentVolumeClaims,
    resources.persistentVolumes,
    resources.namespaces,
  ] as unknown as ResourceType[];
  const controllers =
    options.controllers === true
      ? startControllers({
          cluster,
          dataDir,
          types,
          node,
          signal: abort.signal,
          log,
          ...(autoscaleEveryMs === undefined ? {} : { autoscaling: { metrics, everyMs: autoscaleEveryMs } }),
        })
      : { stopped: Promise.resolve() };
  const watcher = createWatcher(cluster, abort.signal);
  const home: PodHome = {
    cluster,
    dataDir,
    limits,
    get kubelet() {
      return kubelet;
    },
    async until(type, key, accept, what) {
      return (await watcher.until(
        type,
        keyText(key),
        (object) => object !== undefined && accept(object),
        what,
      )) as never;
    },
    pod: (name, accept, what) => home.until(resources.pods, { namespace: "default", name }, accept, what),
    async gone(type, key) {
      await watcher.until(type, keyText(key), (object) => object === undefined, "gone");
    },
    run: (name, spec, metadata = {}) =>
      cluster.create(resources.pods, {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { namespace: "default", name, ...metadata },
        spec: { containers: [], ...spec },
      }),
    async logs(name, query = {}) {
      const pod = (await cluster.get(resources.pods, { namespace: "default", name })) as Pod;
      const { container = "main", previous = false, follow = false, ...more } = query;
      let text = "";
      for await (const chunk of kubeletLogs(kubelet).readLogs(pod, {
        container,
        previous,
        follow,
        timestamps: false,
        ...more,
      }))
        text += Buffer.from(chunk).toString("utf8");
      return text;
    },
    async eventsOf(name) {
      const { items } = await cluster.list(resources.coreEvents, { namespace: "default" });
      return items.filter(({ involvedObject }) => involvedObject.name === name) as unknown as Event[];
    },
    async replaceKubelet(between = async () => {}) {
      await kubelet.close({ pods: false });
      await between();
      kubelet = await start();
    },
    async [Symbol.asyncDispose]() {
      abort.abort();
      await controllers.stopped;
      await kubelet.close({ pods: true });
      await server.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  return home;
}
