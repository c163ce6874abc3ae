// SPDX-License-Identifier: Apache-2.0
// A pod's phase and conditions from the states of its containers, as kubelet computes them. Pure.
import type { Container, Pod, PodCondition, PodStatus } from "@serval/api";
import { type ContainerState, containerStatus } from "./container-state.ts";

export interface PodView {
  readonly pod: Pod;
  readonly states: ReadonlyMap<string, ContainerState>;
  readonly podIP: string | undefined;
  readonly startTime: string;
  /** Set when the pod as a whole failed: its phase is Failed whatever the containers say. */
  readonly failure?: { reason: string; message: string } | undefined;
  readonly now: Date;
}

/** A restartable init container: a sidecar. */
export const isSidecar = (container: Container): boolean => container.restartPolicy === "Always";

const isDone = (state: ContainerState | undefined): boolean =>
  state?.phase === "terminated" && state.termination?.exitCode === 0;

/** An init container no longer holds up the next: it succeeded, or it is a sidecar that has started. */
export const isInitialized = (container: Container, state: ContainerState | undefined): boolean =>
  isSidecar(container) ? state?.phase === "running" && state.started : isDone(state);

const hasRun = (state: ContainerState | undefined): boolean =>
  state !== undefined && (state.phase !== "waiting" || state.restarts > 0 || state.lastTermination !== undefined);

/** Every init container is done. Once a container has run this stays so, even when a sidecar has ended since. */
export function isPodInitialized({ pod, states }: Pick<PodView, "pod" | "states">): boolean {
  if ((pod.spec?.containers ?? []).some((c) => hasRun(states.get(c.name)))) return true;
  return (pod.spec?.initContainers ?? []).every((c) => isInitialized(c, states.get(c.name)));
}

export function podPhase({ pod, states, failure }: Pick<PodView, "pod" | "states" | "failure">): string {
  if (failure !== undefined) return "Failed";
  const spec = pod.spec;
  const policy = spec?.restartPolicy ?? "Always";
  const inits = spec?.initContainers ?? [];
  const initFailed = inits.some((c) => {
    const state = states.get(c.name);
    return !isSidecar(c) && policy === "Never" && state?.phase === "terminated" && state.termination?.exitCode !== 0;
  });
  if (initFailed) return "Failed";
  if (!isPodInitialized({ pod, states })) return "Pending";
  const mains = (spec?.containers ?? []).map((c) => states.get(c.name));
  if (mains.every((state) => state?.phase === "terminated") && policy !== "Always") {
    const allSucceeded = mains.every(isDone);
    if (allSucceeded) return "Succeeded";
    if (policy === "Never") return "Failed";
  }
  return mains.every(hasRun) ? "Running" : "Pending";
}

type Verdict = { status: "True" | "False"; reason?: string; message?: string };

const notIn = (names: string[], what: string): string => `containers with ${what} status: [${names.join(" ")}]`;

function initializedVerdict(view: PodView): Verdict {
  if (isPodInitialized(view)) return { status: "True" };
  const missing = (view.pod.spec?.initContainers ?? []).filter((c) => !isInitialized(c, view.states.get(c.name)));
  return {
    status: "False",
    reason: "ContainersNotInitialized",
    message: notIn(
      missing.map((c) => c.name),
      "incomplete",
    ),
  };
}

function containersReadyVerdict(view: PodView, phase: string): Verdict {
  if (phase === "Succeeded") return { status: "False", reason: "PodCompleted" };
  if (phase === "Failed") return { status: "False", reason: "PodFailed" };
  const unready = (view.pod.spec?.containers ?? []).filter((c) => view.states.get(c.name)?.ready !== true);
  if (unready.length === 0) return { status: "True" };
  return {
    status: "False",
    reason: "ContainersNotReady",
    message: notIn(
      unready.map((c) => c.name),
      "unready",
    ),
  };
}

function condition(type: string, verdict: Verdict, view: PodView): PodCondition {
  const old = view.pod.status?.conditions?.find((c) => c.type === type);
  const at = view.now.toISOString().replace(/\.\d+Z$/, "Z");
  return { type, ...verdict, lastTransitionTime: old?.status === verdict.status ? old.lastTransitionTime : at };
}

/** The whole status. Fields that other writers own (`nominatedNodeName`, foreign conditions) are kept. */
export function podStatus(view: PodView): PodStatus {
  const { pod, states, podIP } = view;
  const uid = pod.metadata.uid ?? "";
  const phase = podPhase(view);
  const containersReady = containersReadyVerdict(view, phase);
  const own = ["Initialized", "ContainersReady", "Ready", "PodScheduled"];
  const foreign = (pod.status?.conditions ?? []).filter((c) => !own.includes(c.type));
  const statuses = (containers: Container[] | undefined) =>
    (containers ?? []).flatMap((c) => {
      const state = states.get(c.name);
      return state === undefined ? [] : [containerStatus(state, c, uid)];
    });
  const initStatuses = statuses(pod.spec?.initContainers).map((status) =>
    status.state?.terminated?.exitCode === 0 ? { ...status, ready: true } : status,
  );
  return {
    phase,
    ...(view.failure ?? {}),
    conditions: [
      condition("Initialized", initializedVerdict(view), view),
      condition("Ready", containersReady, view),
      condition("ContainersReady", containersReady, view),
      condition("PodScheduled", { status: "True" }, view),
      ...foreign,
    ],
    hostIP: "127.0.0.1",
    hostIPs: [{ ip: "127.0.0.1" }],
    ...(podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] }),
    startTime: view.startTime,
    ...(initStatuses.length === 0 ? {} : { initContainerStatuses: initStatuses }),
    containerStatuses: statuses(pod.spec?.containers),
    qosClass: qosClass(pod),
  };
}

/** @see https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/ */
export function qosClass(pod: Pod): string {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const resources = containers.map((c) => c.resources ?? {});
  if (resources.every(({ requests, limits }) => Object.keys({ ...requests, ...limits }).length === 0))
    return "BestEffort";
  const isGuaranteed = resources.every(({ requests, limits }) =>
    ["cpu", "memory"].every(
      (name) => limits?.[name] !== undefined && (requests?.[name] ?? limits[name]) === limits[name],
    ),
  );
  return isGuaranteed ? "Guaranteed" : "Burstable";
}

/** Until `activeDeadlineSeconds` are over; undefined: the pod has no deadline. */
export function deadlineLeftMs({ spec }: Pod, startTime: string, now: Date): number | undefined {
  const seconds = spec?.activeDeadlineSeconds;
  return seconds === undefined ? undefined : Date.parse(startTime) + seconds * 1_000 - now.getTime();
}
