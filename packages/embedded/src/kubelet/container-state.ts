// SPDX-License-Identifier: Apache-2.0
// What the kubelet knows about one container, and how that reads in `status.containerStatuses`. Pure.
import type { Container, ContainerStatus } from "@serval/api";
import type { ProcessExit, RunningProcess } from "./process-runner.ts";

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
});

/** Kubernetes' crash back-off: 10 s doubling to 5 min, reset after 10 min of running. */
export function nextBackoff(state: Pick<ContainerState, "backoffMs">, ranMs: number, firstMs = 10_000): number {
  if (state.backoffMs === 0 || ranMs > 600_000) return firstMs;
  return Math.min(state.backoffMs * 2, 300_000);
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
