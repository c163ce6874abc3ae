// SPDX-License-Identifier: Apache-2.0
// The life of one container through its starts and ends: start, probes, exit, back-off, stop. Decides nothing about
// other containers; the pod worker does.
import type { Container, Pod } from "@serval/api";
import { startProbes } from "./container-probes.ts";
import {
  type ContainerDeps,
  type ContainerSetting,
  containerSetting,
  limitsId,
  startContainer,
  terminationOf,
} from "./container-runner.ts";
import {
  awaitsRestart,
  backoffText,
  type ContainerState,
  endedRun,
  failedToStart,
  newContainerState,
  nextRestart,
  startedRun,
} from "./container-state.ts";
import { ImageNotRunnable } from "./images.ts";
import { type LifecycleHandler, runHook } from "./lifecycle.ts";
import type { PodFiles } from "./pod-state.ts";
import type { ProbeTarget } from "./probes.ts";
import {
  latestRecord,
  logNumbers,
  type ProcessExit,
  pruneStarts,
  type RunningProcess,
  settleStart,
} from "./process-files.ts";
import { killGroup, killProcess, StartError, terminate, waitForExit } from "./process-runner.ts";
import type { ResourceLimits } from "./resource-limits.ts";
import { ContainerConfigError } from "./variables.ts";

export interface ContainerHost {
  readonly pod: Pod;
  readonly podIP: string;
  readonly volumes: ReadonlyMap<string, string>;
  readonly files: PodFiles;
  readonly deps: ContainerDeps;
  readonly signal: AbortSignal;
  /** A state changed: look again and publish. */
  changed(): void;
  event(type: "Normal" | "Warning", reason: string, message: string): void;
  /** What must be there before the first start (an engine): like an image pull. Rejects with a message for people. */
  pull(container: Container): Promise<void>;
  /** Undefined: nothing of the group listens on every address of the machine. */
  exposedPort(groupId: number): Promise<number | undefined>;
  failPod(reason: string, message: string): void;
}

/** A program that binds late is looked at again this long after its start. */
const exposureCheckMs = 3_000;

/** What a program gets between SIGTERM and SIGKILL when its preStop hook has used up the grace, as kubelet gives. */
const leastGraceMs = 2_000;

/** Why a container waits, in kubelet's words. */
const waitingReason = (error: unknown): string =>
  error instanceof ImageNotRunnable
    ? "ErrImagePull"
    : error instanceof ContainerConfigError
      ? "CreateContainerConfigError"
      : "CreateContainerError";

export class ContainerLife {
  readonly container: Container;
  readonly state: ContainerState;
  readonly #host: ContainerHost;
  #stopProbes: () => void = () => {};
  #limits: ResourceLimits | undefined;
  #ended: Promise<void> = Promise.resolve();
  #stopping = false;
  #starting: Promise<void> | undefined;
  #spawning: Promise<void> = Promise.resolve();
  #exposureTimer: NodeJS.Timeout | undefined;
  #setting: ContainerSetting | undefined;
  #hooks = new AbortController();
  #kill: { timer: NodeJS.Timeout; at: number } | undefined;

  constructor(container: Container, host: ContainerHost, state: ContainerState = newContainerState(container.name)) {
    this.container = container;
    this.state = state;
    this.#host = host;
  }

  get isRunning(): boolean {
    return this.state.phase === "running";
  }

  /** It may start now: not running, not being started, its back-off is over. */
  canStart(nowMs: number): boolean {
    return this.#starting === undefined && !this.#stopping && !this.isRunning && nowMs >= this.state.backoffUntil;
  }

  /** Starts once. Failures become the state's waiting reason with a back-off; this never throws. */
  start(): Promise<void> {
    this.#starting ??= this.#launch()
      .catch((error: unknown) => this.#failedToStart(error))
      .finally(() => {
        this.#starting = undefined;
        this.#host.changed();
      });
    return this.#starting;
  }

  async #launch(): Promise<void> {
    const { container, state } = this;
    const { deps, files, pod, podIP, volumes } = this.#host;
    const restart = nextRestart(state);
    const dir = files.containerDir(state.name);
    const setting = await containerSetting(pod, container, { deps, files, podIP, restart, volumes });
    await this.#host.pull(container);
    await pruneStarts(dir, restart - 1);
    this.#spawning = deps.startInTurn(() => this.#spawn(setting, restart));
    await this.#spawning;
  }

  async #spawn(setting: ContainerSetting, restart: number): Promise<void> {
    const { container, state } = this;
    const { deps, files, pod } = this.#host;
    // Asked again when its turn has come: the pod may have been deleted while it pulled or waited.
    if (this.#stopping) return;
    const podUid = pod.metadata.uid ?? "";
    const { running, limits } = await startContainer(setting, { container, deps, files, restart, podUid });
    this.#limits = limits;
    startedRun(state, running);
    const what = restart === 0 ? "Created" : "Restarted";
    this.#host.event("Normal", what, `${what} container: ${container.name}`);
    this.#host.event("Normal", "Started", `Started container ${container.name}`);
    this.#watch(running, setting, true);
  }

  #failedToStart(error: unknown): void {
    const { state } = this;
    const message = error instanceof Error ? error.message : String(error);
    const isNews = state.message !== message;
    if (error instanceof StartError) failedToStart(state, { message, at: new Date() });
    else awaitsRestart(state, { reason: waitingReason(error), message });
    if (!isNews) return;
    this.#host.event("Warning", "Failed", error instanceof ImageNotRunnable ? message : `Error: ${message}`);
  }

  /** Goes on with a process that an earlier kubelet started. @returns false when there is none to go on with. */
  async adopt(): Promise<boolean> {
    const { state } = this;
    const dir = this.#host.files.containerDir(state.name);
    // The start may have happened after the last state was written, or be half done: the disk decides.
    const newest = (await logNumbers(dir)).at(-1);
    if (newest !== undefined) await settleStart(dir, newest);
    const running = await latestRecord(dir);
    const isKnown = state.phase === "terminated" || state.termination !== undefined;
    if (running === undefined || running.restart < state.restarts) return false;
    if (isKnown && running.restart === state.restarts) return false;
    const wasReady = state.ready && state.running?.restart === running.restart;
    const wasStarted = state.started && state.running?.restart === running.restart;
    startedRun(state, running);
    [state.ready, state.started] = [wasReady, wasStarted];
    const { deps, files, pod, podIP, volumes } = this.#host;
    const { restart } = running;
    const setting = await containerSetting(pod, this.container, { deps, files, podIP, restart, volumes }).catch(
      () => undefined,
    );
    this.#limits = await deps.limits
      .prepare(limitsId(pod.metadata.uid ?? "", state.name, restart), this.container)
      .catch(() => undefined);
    this.#watch(running, setting, false);
    return true;
  }

  /** @param isNew an adopted process has been through its postStart hook, or its kubelet died in the middle of it. */
  #watch(running: RunningProcess, setting: ContainerSetting | undefined, isNew: boolean): void {
    this.#setting = setting;
    this.#hooks = new AbortController();
    this.#exposureTimer = setTimeout(() => void this.#checkExposure(), exposureCheckMs);
    this.#exposureTimer.unref();
    this.#ended = waitForExit(this.#host.files.containerDir(this.state.name), running, this.#host.signal).then(
      (exit) => (exit === undefined ? undefined : this.#onExit(exit, running)),
    );
    const postStart = this.container.lifecycle?.postStart;
    if (isNew && postStart !== undefined) void this.#afterStart(running, postStart);
    else this.#probe();
  }

  /** Not ready, and not probed, before its postStart hook has succeeded. */
  async #afterStart(running: RunningProcess, handler: LifecycleHandler): Promise<void> {
    const { ok, message } = await runHook(handler, this.#probeTarget(), { signal: this.#hooks.signal });
    if (this.state.running !== running || this.#stopping) return;
    if (ok) return this.#probe();
    this.#host.event("Warning", "FailedPostStartHook", `PostStartHook failed: ${message}`);
    this.#host.event("Normal", "Killing", `Stopping container ${this.state.name}: its postStart hook failed`);
    await this.#end(this.#podGraceMs());
  }

  #podGraceMs(): number {
    return (this.#host.pod.spec?.terminationGracePeriodSeconds ?? 30) * 1_000;
  }

  #probe(): void {
    this.#stopProbes = startProbes(this.container, this.#probeTarget(), {
      hasStarted: this.state.started,
      events: {
        onStarted: () => {
          this.state.started = true;
          this.#host.changed();
        },
        onReadiness: (ok, why) => this.#onReadiness(ok, why),
        onUnhealthy: (kind, why) => this.#onUnhealthy(kind, why),
      },
    });
  }

  async #onExit(exit: ProcessExit, running: RunningProcess): Promise<void> {
    this.#quiet();
    this.#hooks.abort();
    const termination = await terminationOf(exit, {
      container: this.container,
      files: this.#host.files,
      running,
      limits: this.#limits,
    });
    await killGroup(running);
    await this.#limits?.release();
    clearTimeout(this.#kill?.timer);
    this.#kill = undefined;
    endedRun(this.state, termination);
    this.#host.changed();
  }

  /** Shows the back-off while it lasts, once the pod worker has decided that the container is to run again. */
  awaitRestart(podText: string): void {
    const { state } = this;
    if (state.phase !== "terminated") return;
    state.lastTermination = state.termination;
    state.phase = "waiting";
    state.reason = "CrashLoopBackOff";
    state.message = `back-off ${backoffText(state.backoffMs)} restarting failed container=${state.name} pod=${podText}`;
    this.#host.event("Warning", "BackOff", `Back-off restarting failed container ${state.name} in pod ${podText}`);
  }

  #probeTarget(): ProbeTarget {
    const setting = this.#setting;
    return {
      podIP: this.#host.podIP,
      container: this.container,
      exec: (command) => ({
        argv: command.map((text) => setting?.rewrite(text) ?? text),
        env: setting?.env ?? {},
        cwd: setting?.cwd ?? "/",
      }),
    };
  }

  #quiet(): void {
    this.#stopProbes();
    clearTimeout(this.#exposureTimer);
  }

  #onReadiness(ok: boolean, why: string): void {
    if (ok) {
      void this.#becomeReady();
      return;
    }
    this.#host.event("Warning", "Unhealthy", `Readiness probe failed: ${why}`);
    if (!this.state.ready) return;
    this.state.ready = false;
    this.#host.changed();
  }

  async #becomeReady(): Promise<void> {
    if (await this.#checkExposure()) return;
    if (!this.isRunning) return;
    if (this.state.ready) return;
    this.state.ready = true;
    this.#host.changed();
  }

  /** @returns true when the container serves a port on every address, which fails the pod. */
  async #checkExposure(): Promise<boolean> {
    const { running } = this.state;
    if (running === undefined) return false;
    const port = await this.#host.exposedPort(running.groupId);
    if (port === undefined) return false;
    this.#host.failPod(
      "ExposedPort",
      `container "${this.state.name}" listens on 0.0.0.0:${port}, which opens the model to the network and blocks port ${port} for every other pod; ` +
        "make the program listen on the pod's own address (environment variable POD_IP or SERVAL_HOST)",
    );
    return true;
  }

  #onUnhealthy(kind: "liveness" | "startup", why: string): void {
    const name = this.state.name;
    this.#host.event("Warning", "Unhealthy", `${kind === "liveness" ? "Liveness" : "Startup"} probe failed: ${why}`);
    this.#host.event("Normal", "Killing", `Container ${name} failed ${kind} probe, will be restarted`);
    void this.#end(this.#podGraceMs());
  }

  /**
   * Stops for good: SIGTERM, SIGKILL after the grace. Resolves when it is gone, or when the kubelet goes away first. A
   * second call with a shorter grace shortens the first.
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    // A process that is being started right now must not be left behind; a pull may go on for nobody.
    await this.#spawning.catch(() => {});
    await this.#end(graceMs);
  }

  async #end(graceMs: number): Promise<void> {
    this.#quiet();
    const { running } = this.state;
    // A kubelet that goes away in the meantime leaves the rest to the next one.
    if (running === undefined || this.#host.signal.aborted) return;
    const isFirst = this.#kill === undefined;
    const preStop = isFirst && graceMs > 0 ? this.container.lifecycle?.preStop : undefined;
    this.#killWithin(running, preStop === undefined ? graceMs : graceMs + leastGraceMs);
    if (preStop !== undefined) await this.#beforeStop(running, preStop, graceMs);
    if (isFirst && graceMs > 0) await terminate(running);
    await this.#ended;
  }

  /** Only ever sooner than what was said before. */
  #killWithin(running: RunningProcess, ms: number): void {
    const at = performance.now() + ms;
    if (this.#kill !== undefined && at >= this.#kill.at) return;
    clearTimeout(this.#kill?.timer);
    this.#kill = { at, timer: setTimeout(() => void killProcess(running), ms) };
  }

  /** A preStop hook runs within the grace; SIGTERM comes after it, with a moment left even when it took all of that. */
  async #beforeStop(running: RunningProcess, handler: LifecycleHandler, graceMs: number): Promise<void> {
    const from = performance.now();
    const hook = { timeoutMs: graceMs, signal: this.#hooks.signal };
    const { ok, message } = await runHook(handler, this.#probeTarget(), hook);
    if (!ok) this.#host.event("Warning", "FailedPreStopHook", `PreStopHook failed: ${message}`);
    if (this.state.running !== running) return;
    this.#killWithin(running, Math.max(leastGraceMs, graceMs - (performance.now() - from)));
  }

  /** The kubelet goes away and the process stays. */
  detach(): void {
    this.#stopping = true;
    this.#quiet();
    clearTimeout(this.#kill?.timer);
    this.#hooks.abort();
  }
}
