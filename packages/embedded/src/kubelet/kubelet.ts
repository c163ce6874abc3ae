// SPDX-License-Identifier: Apache-2.0
// The kubelet of the embedded home: every pod bound to this node becomes a worker; processes outlive it and are adopted.
import { mkdir, readdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Node, type Pod, resources } from "@serval/api";
import { firstFreePort, reachablePort } from "@serval/data-plane/service-proxy/reachable-port.ts";
import {
  type Cluster,
  createEventRecorder,
  createInformer,
  type EventRecorder,
  type Informer,
  isConflict,
  isNotFound,
} from "@serval/kube";
import { progressFileName } from "./container-runner.ts";
import { endPod } from "./end-pods.ts";
import type { LocalPrograms } from "./images.ts";
import { LogClock } from "./log-times.ts";
import { nodeName, nodeObject } from "./node-object.ts";
import { rotateLog } from "./pod-logs.ts";
import type { PodNetwork } from "./pod-network.ts";
import { createPodSources } from "./pod-sources.ts";
import { podFiles } from "./pod-state.ts";
import { PodWorker, type PodWorkerDeps } from "./pod-worker.ts";
import { logNumbers, logPath } from "./process-files.ts";
import { createProgressReports } from "./progress-report.ts";
import type { LimitEnforcer } from "./resource-limits.ts";
import { createSlots } from "./start-slots.ts";
import { createUsageMeter, type UsageMeter } from "./usage.ts";

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
  /** How often usage is measured; default 15 s. */
  readonly measureEveryMs?: number;
  readonly log: { error(fields: object, message: string): void; info(fields: object, message: string): void };
}

export interface Kubelet {
  /** Workers by pod uid: logs and status are read from here. */
  worker(uid: string): PodWorker | undefined;
  /** What pods and the machine use. */
  readonly usage: UsageMeter;
  /** `pods: false`: every process stays and the next kubelet adopts it. `pods: true`: they end, their objects stay. */
  close(options: { pods: boolean }): Promise<void>;
}

const rotateEveryMs = 10_000;
/** How exact the times of log lines are. */
const noteLogsEveryMs = 1_000;
/** Bounds the writes of progress: two a second for each pod. */
const progressEveryMs = 500;
const startsPerCore = 2;
const maxLogBytes = 10 * 1024 * 1024;

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

async function rotateLogs(workers: Iterable<PodWorker>): Promise<void> {
  for (const worker of workers) {
    for (const { name } of [...(worker.pod.spec?.initContainers ?? []), ...(worker.pod.spec?.containers ?? [])]) {
      const dir = worker.containerDir(name);
      const latest = (await logNumbers(dir)).at(-1);
      if (latest !== undefined) await rotateLog(logPath(dir, latest), maxLogBytes);
    }
  }
}

/** Logs that are being written. */
const growingLogs = (worker: PodWorker): string[] =>
  [...(worker.pod.spec?.initContainers ?? []), ...(worker.pod.spec?.containers ?? [])].flatMap(({ name }) => {
    const running = worker.life(name)?.state.running;
    return running === undefined ? [] : [logPath(worker.containerDir(name), running.restart)];
  });

const hasEnded = ({ status }: Pod): boolean => status?.phase === "Succeeded" || status?.phase === "Failed";

/**
 * Ends what runs for pods that are gone, and gives the others their addresses back before any new pod can take one.
 *
 * @returns uids of the pods with a memory.
 */
async function recallPods(
  podsDir: string,
  { known, network }: { known: ReadonlySet<string | undefined>; network: PodNetwork },
): Promise<Set<string>> {
  const remembered = new Set<string>();
  for (const uid of await readdir(podsDir)) {
    const files = podFiles(podsDir, uid);
    if (known.has(uid)) {
      const memory = await files.recall();
      if (memory === undefined) continue;
      network.attach(uid, memory.podIP);
      remembered.add(uid);
    } else {
      await endPod(podsDir, uid);
      await files.remove();
    }
  }
  return remembered;
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
  const sources = createPodSources(cluster, { signal: abort.signal, reachable: reachablePort(firstFreePort()) });
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
    startInTurn: createSlots(availableParallelism() * startsPerCore),
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
    const uid = pod.metadata.uid ?? "";
    // A pod that ended under an earlier kubelet, whose state is gone, must not run a second time.
    if (hasEnded(pod) && pod.metadata.deletionTimestamp === undefined && !remembered.has(uid)) return;
    const worker = new PodWorker(pod, deps);
    workers.set(uid, worker);
    void worker.finished.catch((error: unknown) => deps.onError(pod, error)).then(() => workers.delete(uid));
  };
  await informer.synced;
  const known = new Set(informer.list().map((pod) => pod.metadata.uid));
  const remembered = await recallPods(podsDir, { known, network: options.network });
  informer.onChange(({ type, object, old }) => {
    const uid = object.metadata.uid ?? "";
    if (old !== undefined && old.metadata.uid !== uid) workers.get(old.metadata.uid ?? "")?.removed();
    const worker = workers.get(uid);
    if (type === "deleted") worker?.removed();
    else if (worker === undefined) begin(object);
    else worker.update(object);
  });
  sources.onReferenceChange((kind, key) => {
    for (const worker of workers.values()) worker.referenceChanged(kind, key);
  });
  await Promise.all([...workers.values()].map((worker) => worker.begun));
  const rotation = setInterval(
    () => void rotateLogs(workers.values()).catch((error: unknown) => log.error({ error }, "logs not rotated")),
    rotateEveryMs,
  );
  const clock = new LogClock();
  const noting = setInterval(() => {
    const logs = [...workers.values()].flatMap(growingLogs);
    void clock.note(logs).catch((error: unknown) => log.error({ error }, "log times not noted"));
  }, noteLogsEveryMs);
  const reportProgress = createProgressReports({
    pods: () => workers.values(),
    cluster,
    fileName: progressFileName,
    onError: deps.onError,
  });
  const progress = setInterval(() => void reportProgress(), progressEveryMs);
  const usage = createUsageMeter(() => workers.values(), {
    ...(options.measureEveryMs === undefined ? {} : { everyMs: options.measureEveryMs }),
    onError: (error) => log.error({ error }, "usage not measured"),
  });
  log.info({ pods: known.size, limits: options.limits.about, network: options.network.about }, "kubelet started");
  return {
    worker: (uid) => workers.get(uid),
    usage,
    async close({ pods }) {
      usage.close();
      clearInterval(rotation);
      clearInterval(progress);
      clearInterval(noting);
      abort.abort();
      await Promise.all([...workers.values()].map((worker) => (pods ? worker.halt() : worker.detach())));
      if (pods) await options.limits.close();
      await events.flush();
    },
  };
}
