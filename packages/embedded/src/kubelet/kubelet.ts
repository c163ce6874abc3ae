// SPDX-License-Identifier: Apache-2.0
// The kubelet of the embedded home: every pod bound to this node becomes a worker; processes outlive it and are adopted.
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Node, type Pod, resources } from "@serval/api";
import {
  type Cluster,
  createEventRecorder,
  createInformer,
  type EventRecorder,
  type Informer,
  isConflict,
  isNotFound,
} from "@serval/kube";
import { rewriteServiceNames, serviceLinkEnv } from "../network/service-names.ts";
import { endPod } from "./end-pods.ts";
import type { LocalPrograms } from "./images.ts";
import { nodeName, nodeObject } from "./node-object.ts";
import { logNumbers, logPathOf, rotateLog } from "./pod-logs.ts";
import type { PodNetwork } from "./pod-network.ts";
import { podFiles } from "./pod-state.ts";
import { PodWorker, type PodWorkerDeps } from "./pod-worker.ts";
import type { LimitEnforcer } from "./resource-limits.ts";
import type { References } from "./variables.ts";

export interface KubeletOptions {
  readonly cluster: Cluster;
  /** Pods' state and logs live in `<dataDir>/pods`. */
  readonly dataDir: string;
  readonly programs: LocalPrograms;
  readonly network: PodNetwork;
  readonly limits: LimitEnforcer;
  /** PATH of every container. */
  readonly path: string;
  readonly pullImage: PodWorkerDeps["pullImage"];
  readonly version: string;
  readonly now?: () => Date;
  readonly log: { error(fields: object, message: string): void; info(fields: object, message: string): void };
}

export interface Kubelet {
  /** Workers by pod uid: logs and status are read from here. */
  worker(uid: string): PodWorker | undefined;
  /** `pods: false`: every process stays and the next kubelet adopts it. `pods: true`: they end, their objects stay. */
  close(options: { pods: boolean }): Promise<void>;
}

const rotateEveryMs = 10_000;
const maxLogBytes = 10 * 1024 * 1024;

const decodeSecret = (data: Record<string, string> | undefined): Record<string, string> =>
  Object.fromEntries(
    Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]),
  );

/** Informers of what pods refer to. */
function createSources(cluster: Cluster, signal: AbortSignal) {
  const configMaps = createInformer(cluster, resources.configMaps, { signal });
  const secrets = createInformer(cluster, resources.secrets, { signal });
  const services = createInformer(cluster, resources.services, { signal });
  const claims = createInformer(cluster, resources.persistentVolumeClaims, { signal });
  const volumes = createInformer(cluster, resources.persistentVolumes, { signal });
  const serviceAddress = (namespace: string, name: string): string | undefined => {
    const ip = services.get({ namespace, name })?.spec?.clusterIP;
    return ip === undefined || ip === "None" || ip === "" ? undefined : ip;
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
    rewriteHosts: (text: string, namespace: string) => rewriteServiceNames(text, namespace, serviceAddress),
    serviceEnv: (namespace: string) =>
      Object.assign(
        {},
        ...services.list(namespace).map((service) => {
          const address = serviceAddress(namespace, service.metadata.name);
          return address === undefined ? {} : serviceLinkEnv(service.metadata.name, address, service.spec?.ports ?? []);
        }),
      ) as Record<string, string>,
    claimDir(namespace: string, name: string): string | undefined {
      const volumeName = claims.get({ namespace, name })?.spec?.volumeName;
      const volume = volumeName === undefined ? undefined : volumes.get({ name: volumeName });
      return volume?.spec?.hostPath?.path ?? volume?.spec?.local?.path;
    },
  };
}

async function registerNode(cluster: Cluster, version: string, now: Date): Promise<Node> {
  const node = nodeObject(version, now);
  try {
    const created = await cluster.create(resources.nodes, node);
    return await cluster.update(resources.nodes, { ...node, metadata: created.metadata }, { subresource: "status" });
  } catch (error) {
    if (!isConflict(error)) throw error;
    return cluster.patch(
      resources.nodes,
      { name: nodeName },
      { type: "merge", body: { status: node.status } },
      { subresource: "status" },
    );
  }
}

/** Old logs of a container beyond the running and the previous start are of no use to `kubectl logs`. */
async function rotateLogs(workers: Iterable<PodWorker>): Promise<void> {
  for (const worker of workers) {
    for (const { name } of [...(worker.pod.spec?.initContainers ?? []), ...(worker.pod.spec?.containers ?? [])]) {
      const dir = worker.containerDir(name);
      const latest = (await logNumbers(dir)).at(-1);
      if (latest !== undefined) await rotateLog(logPathOf(dir, latest), maxLogBytes);
    }
  }
}

/** Registers the node, adopts running pods, then follows the API. */
export async function startKubelet(options: KubeletOptions): Promise<Kubelet> {
  const { cluster, now = () => new Date(), log } = options;
  const abort = new AbortController();
  const podsDir = join(options.dataDir, "pods");
  await mkdir(podsDir, { recursive: true, mode: 0o700 });
  await registerNode(cluster, options.version, now());
  const events: EventRecorder = createEventRecorder(cluster, {
    component: "kubelet",
    host: nodeName,
    now,
    onError: (error) => log.error({ error }, "event not recorded"),
  });
  const sources = createSources(cluster, abort.signal);
  await sources.synced;
  const deps: PodWorkerDeps = {
    ...sources,
    cluster,
    events,
    podsDir,
    now,
    network: options.network,
    programs: options.programs,
    limits: options.limits,
    path: options.path,
    pullImage: options.pullImage,
    onError(pod, error) {
      if (isConflict(error) || isNotFound(error)) return;
      log.error({ error, pod: `${pod.metadata.namespace}/${pod.metadata.name}` }, "pod not synced");
    },
  };
  const workers = new Map<string, PodWorker>();
  const informer: Informer<Pod> = createInformer(cluster, resources.pods, {
    signal: abort.signal,
    fieldSelector: `spec.nodeName=${nodeName}`,
  });
  const begin = (pod: Pod): void => {
    // A pod that ended under an earlier kubelet, whose state is gone, must not run a second time.
    const hasEnded = pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
    if (hasEnded && pod.metadata.deletionTimestamp === undefined) return;
    const uid = pod.metadata.uid ?? "";
    const worker = new PodWorker(pod, deps);
    workers.set(uid, worker);
    void worker.finished.catch((error: unknown) => deps.onError(pod, error)).then(() => workers.delete(uid));
  };
  await informer.synced;
  const known = new Set(informer.list().map((pod) => pod.metadata.uid));
  for (const uid of await readdir(podsDir)) {
    if (known.has(uid)) continue;
    await endPod(podsDir, uid);
    await podFiles(podsDir, uid).remove();
  }
  informer.onChange(({ type, object, old }) => {
    const uid = object.metadata.uid ?? "";
    if (old !== undefined && old.metadata.uid !== uid) workers.get(old.metadata.uid ?? "")?.removed();
    const worker = workers.get(uid);
    if (type === "deleted") worker?.removed();
    else if (worker === undefined) begin(object);
    else worker.update(object);
  });
  const rotation = setInterval(
    () => void rotateLogs(workers.values()).catch((error: unknown) => log.error({ error }, "logs not rotated")),
    rotateEveryMs,
  );
  log.info({ pods: known.size, limits: options.limits.about }, "kubelet started");
  return {
    worker: (uid) => workers.get(uid),
    async close({ pods }) {
      clearInterval(rotation);
      abort.abort();
      await Promise.all([...workers.values()].map((worker) => (pods ? worker.halt() : worker.detach())));
      await events.flush();
    },
  };
}
