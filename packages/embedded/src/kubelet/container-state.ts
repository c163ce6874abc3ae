// SPDX-License-Identifier: Apache-2.0
// What the kubelet knows about one container, and how that reads in `status.containerStatuses`. Pure.
import type { Container, ContainerStatus } from "@serval/api";
import type { ProcessExit, RunningProcess } from "./process-files.ts";

export interface Termination extends ProcessExit {
  readonly startedAt: string | undefined;
  /** Completed, Error, OOMKilled, StartError or ContainerStatusUnknown, as a container runtime reports. */
  readonly reason: string;
  readonly message?: string;
}

export interface ContainerState {
  readonly name: string;
  phase: "waiting" | "running" | "terminated";
  /** While waiting. */
  reason: string;
  message: string;
  running: RunningProcess | undefined;
  termination: Termination | undefined;
  lastTermination: Termination | undefined;
  /** Starts after the first. */
  restarts: number;
  ready: boolean;
  /** Its startup probe has succeeded, or it has none. */
  started: boolean;
  /** Milliseconds on the monotonic clock before which it must not start again. */
  backoffUntil: number;
  backoffMs: number;
  /** Failures to even create it, in a row; a crash back-off counts only programs that ran. */
  createFailures: number;
}

export const newContainerState = (name: string): ContainerState => ({
  name,
  phase: "waiting",
  reason: "PodInitializing",
  message: "",
  running: undefined,
  termination: undefined,
  lastTermination: undefined,
  restarts: 0,
  ready: false,
  started: false,
  backoffUntil: 0,
  backoffMs: 0,
  createFailures: 0,
});

const now = (): number => performance.now();

/** Number of the next start: 0 for the first. */
export const nextRestart = (state: ContainerState): number =>
  state.lastTermination === undefined && state.termination === undefined ? state.restarts : state.restarts + 1;

/** A process of the container runs. */
export function startedRun(state: ContainerState, running: RunningProcess): void {
  state.lastTermination = state.termination ?? state.lastTermination;
  state.termination = undefined;
  state.restarts = running.restart;
  state.running = running;
  state.phase = "running";
  [state.reason, state.message] = ["", ""];
  [state.started, state.ready] = [false, false];
  state.createFailures = 0;
}

/** Its process has ended. The first restart is immediate, later ones back off, as kubelet does. */
export function endedRun(state: ContainerState, termination: Termination): void {
  const startedAt = Date.parse(termination.startedAt ?? termination.finishedAt);
  const ranMs = Date.parse(termination.finishedAt) - startedAt;
  state.running = undefined;
  state.phase = "terminated";
  [state.started, state.ready] = [false, false];
  state.termination = termination;
  if (state.backoffMs === 0 || ranMs > backoffResetMs) {
    state.backoffMs = immediateMs;
    state.backoffUntil = 0;
    return;
  }
  state.backoffMs = nextBackoff(state, ranMs);
  state.backoffUntil = now() + state.backoffMs;
}

/** The container was created but its program could not be run: a container runtime's exit code 128. */
export function failedToStart(state: ContainerState, { message, at }: { message: string; at: Date }): void {
  state.restarts = nextRestart(state);
  state.lastTermination = state.termination ?? state.lastTermination;
  const finishedAt = at.toISOString();
  endedRun(state, { exitCode: 128, reason: "StartError", message, startedAt: undefined, finishedAt });
  state.message = message;
}

/** It could not be created: waits for the user's change, looking again soon, later and later. */
export function awaitsRestart(state: ContainerState, { reason, message }: { reason: string; message: string }): void {
  state.phase = "waiting";
  [state.reason, state.message] = [reason, message];
  const ceiling = reason === "ErrImagePull" ? maxBackoffMs : maxConfigRetryMs;
  state.backoffUntil = now() + Math.min(ceiling, 1_000 * 2 ** state.createFailures);
  state.createFailures += 1;
}

const backoffResetMs = 600_000;
const maxBackoffMs = 300_000;
/** As long as kubelet's own sync period makes a pod wait whose ConfigMap has just been created. */
const maxConfigRetryMs = 10_000;
/** Marks that the immediate restart is used up; its double is the first real back-off. */
const immediateMs = 5_000;

/** As Go prints durations: `10s`, `1m20s`, `5m0s`. */
export function backoffText(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

/** Kubernetes' crash back-off: 10 s doubling to 5 min, reset after 10 min of running. */
export function nextBackoff(state: Pick<ContainerState, "backoffMs">, ranMs: number): number {
  if (state.backoffMs === 0 || ranMs > backoffResetMs) return 10_000;
  return Math.min(state.backoffMs * 2, maxBackoffMs);
}

const seconds = (iso: string): string => iso.replace(/\.\d+Z$/, "Z");
const containerId = (podUid: string, name: string, restarts: number): string =>
  `serval://${podUid}/${name}/${restarts}`;

const terminated = (
  end: Termination,
  id: string,
): NonNullable<NonNullable<ContainerStatus["state"]>["terminated"]> => ({
  exitCode: end.exitCode,
  reason: end.reason,
  ...(end.message === undefined || end.message === "" ? {} : { message: end.message }),
  ...(end.startedAt === undefined ? {} : { startedAt: seconds(end.startedAt) }),
  finishedAt: seconds(end.finishedAt),
  containerID: id,
});

function stateOf(state: ContainerState, podUid: string): NonNullable<ContainerStatus["state"]> {
  if (state.phase === "running" && state.running !== undefined)
    return { running: { startedAt: seconds(state.running.startedAt) } };
  if (state.phase === "terminated" && state.termination !== undefined) {
    return { terminated: terminated(state.termination, containerId(podUid, state.name, state.restarts)) };
  }
  return { waiting: { reason: state.reason, ...(state.message === "" ? {} : { message: state.message }) } };
}

export function containerStatus(state: ContainerState, container: Container, podUid: string): ContainerStatus {
  const last = state.lastTermination;
  const image = container.image ?? "";
  const hasStarted = state.phase === "running" || state.restarts > 0 || state.termination !== undefined;
  return {
    name: state.name,
    image,
    imageID: hasStarted ? `serval://local/${image}` : "",
    ready: state.ready,
    restartCount: state.restarts,
    started: state.phase === "running" && state.started,
    state: stateOf(state, podUid),
    lastState:
      last === undefined
        ? {}
        : { terminated: terminated(last, containerId(podUid, state.name, Math.max(0, state.restarts - 1))) },
    ...(hasStarted ? { containerID: containerId(podUid, state.name, state.restarts) } : {}),
  };
}
