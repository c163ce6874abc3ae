// SPDX-License-Identifier: Apache-2.0
// The life of one container through its starts and ends: start, probes, exit, back-off, stop. Decides nothing about
// other containers; the pod worker does.
import type { Container, Pod } from "@serval/api";
import {
  type ContainerDeps,
  type ContainerSetting,
  containerSetting,
  startContainer,
  terminationOf,
} from "./container-runner.ts";
import { type ContainerState, newContainerState, nextBackoff } from "./container-state.ts";
import { ImageNotRunnable } from "./images.ts";
import type { PodFiles } from "./pod-state.ts";
import { type ProbeLoop, type ProbeTarget, startProbe } from "./probes.ts";
import { killGroup, killProcess, readRecord, StartError, terminate, waitForExit } from "./process-runner.ts";
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

const eagerProbeMs = 50;
/** A program that binds late is looked at again this long after its start. */
const exposureCheckMs = 3_000;

export class ContainerLife {
  readonly container: Container;
  readonly state: ContainerState;
  readonly #host: ContainerHost;
  #probes: ProbeLoop[] = [];
  #limits: ResourceLimits | undefined;
  #ended: Promise<void> = Promise.resolve();
  #stopping = false;
  #starting = false;
  #exposureTimer: NodeJS.Timeout | undefined;

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
    return !this.#starting && !this.#stopping && !this.isRunning && nowMs >= this.state.backoffUntil;
  }

  /** Starts once. Failures become the state's waiting reason with a back-off; this never throws. */
  async start(): Promise<void> {
    if (this.#starting) return;
    this.#starting = true;
    try {
      await this.#launch();
    } catch (error) {
      this.#failedToStart(error);
    } finally {
      this.#starting = false;
      this.#host.changed();
    }
  }

  async #launch(): Promise<void> {
    const { container, state } = this;
    const { deps, files, pod, podIP, volumes } = this.#host;
    const restart =
      state.lastTermination === undefined && state.termination === undefined ? state.restarts : state.restarts + 1;
    const setting = await containerSetting(pod, container, { deps, files, podIP, restart, volumes });
    await this.#host.pull(container);
    if (this.#stopping) return;
    const { running, limits } = await startContainer(setting, {
      container,
      deps,
      files,
      restart,
      podUid: pod.metadata.uid ?? "",
    });
    this.#limits = limits;
    state.lastTermination = state.termination ?? state.lastTermination;
    state.termination = undefined;
    state.restarts = restart;
    state.running = running;
    state.phase = "running";
    state.started = false;
    state.ready = false;
    this.#host.event(
      "Normal",
      restart === 0 ? "Created" : "Restarted",
      `${restart === 0 ? "Created" : "Restarted"} container: ${container.name}`,
    );
    this.#host.event("Normal", "Started", `Started container ${container.name}`);
    this.#watch(setting);
  }

  #failedToStart(error: unknown): void {
    const { state } = this;
    const message = error instanceof Error ? error.message : String(error);
    state.phase = "waiting";
    if (error instanceof StartError) {
      const at = new Date().toISOString();
      if (state.termination !== undefined) state.restarts += 1;
      state.termination = { exitCode: 128, reason: "StartError", message, startedAt: undefined, finishedAt: at };
      this.#host.event("Warning", "Failed", `Error: ${message}`);
      this.#backOff(0);
      return;
    }
    const known =
      error instanceof ImageNotRunnable
        ? "ErrImagePull"
        : error instanceof ContainerConfigError
          ? "CreateContainerConfigError"
          : "CreateContainerError";
    if (state.message !== message)
      this.#host.event("Warning", "Failed", known === "ErrImagePull" ? message : `Error: ${message}`);
    state.reason = known;
    state.message = message;
    state.backoffMs = nextBackoff(state, 0, 2_000);
    state.backoffUntil = performance.now() + state.backoffMs;
  }

  /** Goes on with a process that an earlier kubelet started. @returns false when there is none to go on with. */
  async adopt(): Promise<boolean> {
    const { state } = this;
    // The start may have happened after the last state was written: the newest record on disk decides.
    const next = await readRecord(this.#host.files.containerDir(state.name), state.restarts + 1);
    const current =
      state.phase === "terminated"
        ? undefined
        : await readRecord(this.#host.files.containerDir(state.name), state.restarts);
    const running = next ?? current;
    if (running === undefined) return false;
    if (next !== undefined) {
      state.lastTermination = state.termination ?? state.lastTermination;
      state.restarts = next.restart;
    }
    state.termination = undefined;
    state.running = running;
    state.phase = "running";
    const { deps, files, pod, podIP, volumes } = this.#host;
    const setting = await containerSetting(pod, this.container, {
      deps,
      files,
      podIP,
      restart: running.restart,
      volumes,
    }).catch(() => undefined);
    this.#limits = await deps.limits.prepare(`${pod.metadata.uid}-${state.name}`, this.container);
    this.#watch(setting);
    return true;
  }

  #watch(setting: ContainerSetting | undefined): void {
    const { running } = this.state;
    if (running === undefined) return;
    this.#startProbes(setting);
    this.#exposureTimer = setTimeout(() => void this.#checkExposure(), exposureCheckMs);
    this.#exposureTimer.unref();
    this.#ended = waitForExit(this.#host.files.containerDir(this.state.name), running, this.#host.signal).then(
      async (exit) => {
        if (exit === undefined) return;
        this.#stopProbes();
        const termination = await terminationOf(exit, {
          container: this.container,
          files: this.#host.files,
          running,
          limits: this.#limits,
        });
        await killGroup(running);
        await this.#limits?.release();
        const ranMs = Date.parse(exit.finishedAt) - Date.parse(running.startedAt);
        this.state.running = undefined;
        this.state.phase = "terminated";
        this.state.ready = false;
        this.state.started = false;
        this.state.termination = termination;
        this.#planRestart(ranMs);
        this.#host.changed();
      },
    );
  }

  /** The first restart is immediate, later ones back off, as kubelet does. */
  #planRestart(ranMs: number): void {
    const { state } = this;
    if (state.backoffMs === 0 || ranMs > 600_000) {
      state.backoffMs = 5_000;
      state.backoffUntil = 0;
    } else this.#backOff(ranMs);
  }

  #backOff(ranMs: number): void {
    const { state } = this;
    state.backoffMs = nextBackoff(state, ranMs);
    state.backoffUntil = performance.now() + state.backoffMs;
  }

  /** Shows the back-off while it lasts, once the pod worker has decided that the container is to run again. */
  awaitRestart(podText: string): void {
    const { state } = this;
    if (state.phase !== "terminated") return;
    const isFirst = state.reason !== "CrashLoopBackOff";
    state.lastTermination = state.termination;
    state.phase = "waiting";
    state.reason = "CrashLoopBackOff";
    state.message = `back-off ${Math.round(state.backoffMs / 1000)}s restarting failed container=${state.name} pod=${podText}`;
    if (isFirst || state.restarts > 0)
      this.#host.event("Warning", "BackOff", `Back-off restarting failed container ${state.name} in pod ${podText}`);
  }

  #startProbes(setting: ContainerSetting | undefined): void {
    const { container, state } = this;
    const target: ProbeTarget = {
      podIP: this.#host.podIP,
      container,
      exec: (command) => ({
        argv: command.map((text) => setting?.rewrite(text) ?? text),
        env: setting?.env ?? {},
        cwd: setting?.cwd ?? "/",
      }),
    };
    const afterStart = (): void => {
      state.started = true;
      if (container.readinessProbe === undefined) void this.#becomeReady();
      else
        this.#add(
          startProbe(container.readinessProbe, target, {
            eagerMs: eagerProbeMs,
            onVerdict: (ok, why) => this.#onReadiness(ok, why),
          }),
        );
      if (container.livenessProbe !== undefined) {
        this.#add(
          startProbe(container.livenessProbe, target, {
            onVerdict: (ok, why) => this.#onLiveness(ok, why, "liveness"),
          }),
        );
      }
      this.#host.changed();
    };
    if (container.startupProbe === undefined || state.started) {
      afterStart();
      return;
    }
    const startup = startProbe(container.startupProbe, target, {
      eagerMs: eagerProbeMs,
      onVerdict: (ok, why) => {
        if (!ok) {
          this.#onLiveness(ok, why, "startup");
          return;
        }
        startup.stop();
        afterStart();
      },
    });
    this.#add(startup);
  }

  #add(probe: ProbeLoop): void {
    this.#probes.push(probe);
  }

  #stopProbes(): void {
    for (const probe of this.#probes.splice(0)) probe.stop();
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

  #onLiveness(ok: boolean, why: string, kind: "liveness" | "startup"): void {
    if (ok) return;
    const name = this.state.name;
    this.#host.event("Warning", "Unhealthy", `${kind === "liveness" ? "Liveness" : "Startup"} probe failed: ${why}`);
    this.#host.event("Normal", "Killing", `Container ${name} failed ${kind} probe, will be restarted`);
    void this.#end((this.#host.pod.spec?.terminationGracePeriodSeconds ?? 30) * 1_000);
  }

  /** Stops for good: SIGTERM, SIGKILL after the grace. Resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    await this.#end(graceMs);
  }

  async #end(graceMs: number): Promise<void> {
    this.#stopProbes();
    const { running } = this.state;
    if (running === undefined) return;
    if (graceMs > 0) await terminate(running);
    const timer = setTimeout(() => void killProcess(running), graceMs);
    await this.#ended;
    clearTimeout(timer);
  }

  /** The kubelet goes away and the process stays. */
  detach(): void {
    this.#stopping = true;
    this.#stopProbes();
  }
}
