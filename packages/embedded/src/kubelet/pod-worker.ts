// SPDX-License-Identifier: Apache-2.0
// One pod from its first sight to its last: volumes, init containers in order, containers, status, end. All decisions
// about one pod happen here, one after the other.
import { setTimeout as setTimeoutAsync } from "node:timers/promises";
import { type Container, keyOf, type Pod, type PodStatus, resources } from "@serval/api";
import type { Cluster, EventRecorder } from "@serval/kube";
import { type ContainerHost, ContainerLife } from "./container-life.ts";
import type { ContainerDeps } from "./container-runner.ts";
import { newContainerState } from "./container-state.ts";
import type { PodNetwork } from "./pod-network.ts";
import { type PodFiles, podFiles } from "./pod-state.ts";
import { deadlineLeftMs, isInitialized, isPodInitialized, isSidecar, podPhase, podStatus } from "./pod-status.ts";
import { PodVolumes } from "./pod-volumes.ts";
import { ContainerConfigError } from "./variables.ts";
import { prepareVolumes } from "./volumes.ts";

export interface PodWorkerDeps extends ContainerDeps {
  readonly cluster: Cluster;
  readonly events: EventRecorder;
  readonly network: PodNetwork;
  /** Directory of all pods. */
  readonly podsDir: string;
  readonly claimDir: (namespace: string, claim: string) => string | undefined;
  /** Fetches what an image needs before its first start; reports progress in words. */
  readonly pullImage: (container: Container, onProgress: (message: string) => void) => Promise<void>;
  /** A Service sends requests to this pod. */
  readonly isServed: (pod: Pod) => boolean;
  readonly now: () => Date;
  readonly onError: (pod: Pod, error: unknown) => void;
}

const iso = (at: Date): string => at.toISOString().replace(/\.\d+Z$/, "Z");

const isOlder = (a: Pod, b: Pod): boolean =>
  Number(a.metadata.resourceVersion ?? 0) < Number(b.metadata.resourceVersion ?? 0);

const volumeRetryMs = 1_000;
/** The longest that a timer of Node can wait. */
const longestTimerMs = 2 ** 31 - 1;
const deadlineExceeded = "DeadlineExceeded";
const isMountFailure = (message: string): boolean => message.startsWith("MountVolume.SetUp failed");
/** Ctrl-C should not take half a minute because one server ignores SIGTERM. */
const haltGraceMs = 5_000;
const defaultGraceSeconds = 30;
/**
 * Time for gateways to learn that a pod is on its way out before it hears SIGTERM and refuses connections. On a cluster
 * both happen at the same time and people write `preStop: sleep`; here the kubelet sleeps for those that are served.
 */
const drainMs = 300;

export class PodWorker {
  readonly uid: string;
  readonly #deps: PodWorkerDeps;
  readonly #files: PodFiles;
  readonly #lives = new Map<string, ContainerLife>();
  readonly #abort = new AbortController();
  #pod: Pod;
  #podIP = "";
  #startTime = "";
  readonly #volumes: PodVolumes;
  #failure: { reason: string; message: string } | undefined;
  #published = "";
  #poked = Promise.withResolvers<void>();
  #retryTimer: NodeJS.Timeout | undefined;
  #retryAt = Number.POSITIVE_INFINITY;
  /** Seen deleted in the API without a grace: end at once. */
  #gone = false;
  #halting = false;
  /** Whoever waits politely stops waiting. */
  readonly #hurry = new AbortController();
  #isEnding = false;
  readonly #begun = Promise.withResolvers<void>();
  /** What an earlier kubelet left has been looked at. */
  readonly begun: Promise<void> = this.#begun.promise;
  readonly finished: Promise<void>;

  constructor(pod: Pod, deps: PodWorkerDeps) {
    this.uid = pod.metadata.uid ?? "";
    this.#pod = pod;
    this.#deps = deps;
    this.#files = podFiles(deps.podsDir, this.uid);
    this.#volumes = new PodVolumes(() => this.#prepareVolumes());
    this.finished = this.#run();
  }

  get pod(): Pod {
    return this.#pod;
  }

  containerDir(name: string): string {
    return this.#files.containerDir(name);
  }

  life(name: string): ContainerLife | undefined {
    return this.#lives.get(name);
  }

  update(pod: Pod): void {
    // The watch may be behind what our own status write has returned.
    if (isOlder(pod, this.#pod)) return;
    this.#volumes.podChanged(this.#pod, pod);
    this.#pod = pod;
    // `kubectl delete` again with a shorter grace.
    if (this.#isEnding) void this.#stopAll(this.#graceMs());
    this.#poke();
  }

  /** A ConfigMap or Secret changed: volumes of it are refreshed, a start that waits for it tries again. */
  referenceChanged(kind: "ConfigMap" | "Secret", key: { namespace: string; name: string }): void {
    if (this.#volumes.referenceChanged(this.#pod, kind, key)) this.#poke();
  }

  /** The object is gone from the API. */
  removed(): void {
    this.#gone = true;
    this.#hurry.abort();
    for (const life of this.#lives.values()) void life.stop(0);
    this.#poke();
  }

  /** The kubelet stops; the processes stay for the next one. */
  async detach(): Promise<void> {
    this.#abort.abort();
    this.#hurry.abort();
    for (const life of this.#lives.values()) life.detach();
    this.#poke();
    await this.finished;
  }

  /** The home stops: processes end, the pod stays in the API and runs again at the next start. */
  async halt(): Promise<void> {
    this.#halting = true;
    this.#hurry.abort();
    await this.#stopAll(haltGraceMs);
    await this.#publish().catch(() => {});
    await this.detach();
  }

  #poke(): void {
    this.#poked.resolve();
  }

  /** The earliest wins: whoever waits for later asks again when it looks. */
  #pokeAfter(ms: number): void {
    const at = performance.now() + ms;
    if (at >= this.#retryAt) return;
    clearTimeout(this.#retryTimer);
    this.#retryAt = at;
    this.#retryTimer = setTimeout(
      () => {
        this.#retryAt = Number.POSITIVE_INFINITY;
        this.#poke();
      },
      Math.min(ms, longestTimerMs),
    );
  }

  async #run(): Promise<void> {
    let hasBegun = false;
    while (!this.#abort.signal.aborted) {
      this.#poked = Promise.withResolvers<void>();
      try {
        if (!hasBegun) hasBegun = await this.#begin().finally(() => this.#begun.resolve());
        const isLeaving = this.#gone || this.#pod.metadata.deletionTimestamp !== undefined;
        if (isLeaving && !this.#halting) {
          if (await this.#end()) return;
        } else {
          await this.#sync();
          await this.#publish();
        }
      } catch (error) {
        this.#deps.onError(this.#pod, error);
        this.#pokeAfter(1_000);
      }
      if (!this.#abort.signal.aborted) await this.#poked.promise;
    }
    clearTimeout(this.#retryTimer);
    this.#begun.resolve();
    await this.#remember();
  }

  /** Takes over what an earlier kubelet left, or starts from nothing. Done again when it failed: the disk may be full. */
  async #begin(): Promise<true> {
    const memory = await this.#files.recall();
    this.#podIP = this.#deps.network.attach(this.uid, memory?.podIP);
    this.#startTime = memory?.startTime ?? iso(this.#deps.now());
    this.#failure = memory?.failure;
    const host = this.#host();
    for (const container of [...(this.#pod.spec?.initContainers ?? []), ...(this.#pod.spec?.containers ?? [])]) {
      const known = memory?.containers.find((state) => state.name === container.name);
      const fresh = newContainerState(container.name);
      // Monotonic times of another process mean nothing here: a back-off starts over.
      const state = known === undefined ? fresh : { ...fresh, ...known, backoffUntil: 0 };
      this.#lives.set(container.name, new ContainerLife(container, host, state));
    }
    if (memory === undefined) await this.#remember();
    await this.#mountVolumes();
    for (const life of this.#lives.values()) await life.adopt();
    return true;
  }

  #host(): ContainerHost {
    const worker = this;
    const deps = this.#deps;
    return {
      get pod() {
        return worker.#pod;
      },
      get podIP() {
        return worker.#podIP;
      },
      get volumes() {
        return worker.#volumes.dirs ?? new Map();
      },
      files: this.#files,
      deps,
      signal: this.#abort.signal,
      changed: () => this.#poke(),
      event: (type, reason, message) => deps.events.record(this.#pod, type, reason, message),
      pull: (container) => deps.pullImage(container, (message) => this.#showPull(container, message)),
      exposedPort: (groupId) => deps.network.findExposedPort(groupId),
      failPod: (reason, message) => {
        this.#failure ??= { reason, message };
        deps.events.record(this.#pod, "Warning", reason, message);
        this.#poke();
      },
    };
  }

  #showPull(container: Container, message: string): void {
    const state = this.#lives.get(container.name)?.state;
    if (state === undefined || state.phase !== "waiting" || state.message === message) return;
    state.reason = "ContainerCreating";
    state.message = message;
    this.#poke();
  }

  async #sync(): Promise<void> {
    if (this.#halting) return;
    this.#checkDeadline();
    if (this.#failure !== undefined)
      return this.#stopAll(this.#failure.reason === deadlineExceeded ? this.#graceMs() : 0);
    const phase = podPhase({ pod: this.#pod, states: this.#states(), failure: undefined });
    if (phase === "Succeeded" || phase === "Failed") return this.#stopAll(this.#graceMs());
    if (this.#volumes.dirs === undefined && !(await this.#mountVolumes())) return;
    await this.#volumes.refresh();
    const isInitializedBefore = isPodInitialized({ pod: this.#pod, states: this.#states() });
    for (const container of this.#pod.spec?.initContainers ?? []) {
      const { state } = this.#lives.get(container.name) as ContainerLife;
      if (isSidecar(container)) this.#keepRunning(container, "Always");
      else if (!isInitializedBefore && !isInitialized(container, state)) this.#keepRunning(container, "OnFailure");
      if (!isInitializedBefore && !isInitialized(container, state)) return;
    }
    for (const container of this.#pod.spec?.containers ?? [])
      this.#keepRunning(container, this.#pod.spec?.restartPolicy ?? "Always");
  }

  /** `activeDeadlineSeconds`. Source: kubernetes/pkg/kubelet/active_deadline.go */
  #checkDeadline(): void {
    const leftMs =
      this.#failure === undefined ? deadlineLeftMs(this.#pod, this.#startTime, this.#deps.now()) : undefined;
    if (leftMs === undefined) return;
    if (leftMs > 0) {
      this.#pokeAfter(leftMs);
      return;
    }
    const phase = podPhase({ pod: this.#pod, states: this.#states(), failure: undefined });
    if (phase === "Succeeded" || phase === "Failed") return;
    const message = "Pod was active on the node longer than the specified deadline";
    this.#failure = { reason: deadlineExceeded, message };
    this.#deps.events.record(this.#pod, "Normal", deadlineExceeded, message);
  }

  /** Starts the container if it should run and does not; shows its back-off otherwise. */
  #keepRunning(container: Container, wanted: string): void {
    const life = this.#lives.get(container.name) as ContainerLife;
    const { state } = life;
    const podPolicy = this.#pod.spec?.restartPolicy ?? "Always";
    const policy = wanted === "OnFailure" && podPolicy === "Never" ? "Never" : wanted;
    const ended = state.termination ?? (state.phase === "waiting" ? undefined : state.lastTermination);
    if (ended !== undefined && (policy === "Never" || (policy === "OnFailure" && ended.exitCode === 0))) return;
    const nowMs = performance.now();
    if (life.canStart(nowMs)) {
      if (state.phase === "waiting" && state.reason === "PodInitializing") state.reason = "ContainerCreating";
      void life.start();
    } else if (!life.isRunning && state.backoffUntil > nowMs) {
      life.awaitRestart(`${this.#pod.metadata.name}_${this.#pod.metadata.namespace}(${this.uid})`);
      this.#pokeAfter(state.backoffUntil - nowMs + 1);
    }
  }

  #prepareVolumes(): Promise<ReadonlyMap<string, string>> {
    const { references, claimDir } = this.#deps;
    const source = references(this.#pod.metadata.namespace ?? "default");
    return prepareVolumes(this.#pod, { podDir: this.#files.dir, references: source, claimDir });
  }

  /** @returns false when something that a volume needs is not there yet. */
  async #mountVolumes(): Promise<boolean> {
    try {
      await this.#volumes.mount();
      for (const { state } of this.#lives.values())
        if (state.phase === "waiting" && isMountFailure(state.message)) state.message = "";
      return true;
    } catch (error) {
      if (!(error instanceof ContainerConfigError)) throw error;
      const message = `MountVolume.SetUp failed: ${error.message}`;
      for (const { state } of this.#lives.values())
        if (state.phase === "waiting" && state.lastTermination === undefined)
          [state.reason, state.message] = ["ContainerCreating", message];
      this.#deps.events.record(this.#pod, "Warning", "FailedMount", message);
      this.#pokeAfter(volumeRetryMs);
      return false;
    }
  }

  #states() {
    return new Map([...this.#lives].map(([name, life]) => [name, life.state] as const));
  }

  #graceMs(): number {
    const { metadata, spec } = this.#pod;
    return (metadata.deletionGracePeriodSeconds ?? spec?.terminationGracePeriodSeconds ?? defaultGraceSeconds) * 1_000;
  }

  async #stopAll(graceMs: number): Promise<void> {
    const isInitSidecar = new Set((this.#pod.spec?.initContainers ?? []).filter(isSidecar).map((c) => c.name));
    const lives = [...this.#lives.values()];
    // Sidecars serve the containers, so they go last.
    await Promise.all(lives.filter((life) => !isInitSidecar.has(life.state.name)).map((life) => life.stop(graceMs)));
    await Promise.all(lives.filter((life) => isInitSidecar.has(life.state.name)).map((life) => life.stop(graceMs)));
  }

  /** @returns false when the kubelet went away in the middle: the next one goes on. */
  async #end(): Promise<boolean> {
    const { cluster, events, network } = this.#deps;
    if (!this.#gone && !this.#isEnding) {
      for (const life of this.#lives.values())
        if (life.isRunning) events.record(this.#pod, "Normal", "Killing", `Stopping container ${life.state.name}`);
      await this.#drain();
    }
    this.#isEnding = true;
    if (!this.#abort.signal.aborted) await this.#stopAll(this.#gone ? 0 : this.#graceMs());
    if (this.#abort.signal.aborted) return false;
    clearTimeout(this.#retryTimer);
    await this.#files.remove();
    if (!this.#gone) await cluster.delete(resources.pods, keyOf(this.#pod), { uid: this.uid, gracePeriodSeconds: 0 });
    network.detach(this.uid);
    this.#abort.abort();
    return true;
  }

  async #drain(): Promise<void> {
    const isServing = [...this.#lives.values()].some((life) => life.isRunning && life.state.ready);
    if (!isServing || this.#graceMs() === 0 || !this.#deps.isServed(this.#pod)) return;
    await setTimeoutAsync(drainMs, undefined, { signal: this.#hurry.signal }).catch(() => {});
  }

  async #remember(): Promise<void> {
    const { namespace = "default", name } = this.#pod.metadata;
    await this.#files.remember({
      uid: this.uid,
      namespace,
      name,
      podIP: this.#podIP,
      startTime: this.#startTime,
      failure: this.#failure,
      containers: [...this.#lives.values()].map((life) => life.state),
    });
  }

  async #publish(): Promise<void> {
    const status: PodStatus = podStatus({
      pod: this.#pod,
      states: this.#states(),
      podIP: this.#podIP,
      startTime: this.#startTime,
      failure: this.#failure,
      now: this.#deps.now(),
    });
    const text = JSON.stringify(status);
    if (text === this.#published) return;
    await this.#remember();
    const cleared = this.#failure === undefined ? { reason: null, message: null } : {};
    const body = { metadata: { uid: this.uid }, status: { ...cleared, ...status } };
    this.#pod = await this.#deps.cluster.patch(
      resources.pods,
      keyOf(this.#pod),
      { type: "merge", body },
      { subresource: "status" },
    );
    this.#published = text;
  }
}
