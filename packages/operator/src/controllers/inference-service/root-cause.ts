// SPDX-License-Identifier: Apache-2.0
// Why a service is not ready: the deepest cause that the cluster shows. Each cause is one function; the first in the
// list that finds something is the answer, so deeper causes stand first. Pure.
import {
  type ContainerStatus,
  catalogue,
  codeOf,
  containerNames,
  type Deployment,
  type HTTPRoute,
  type Pod,
  type Reason,
  type ServalStatus,
} from "@serval/api";
import { newestFirst } from "./model-status.ts";

export interface CauseInput {
  /** Of all components. */
  readonly pods: readonly Pod[];
  readonly deployments: readonly Deployment[];
  readonly routes: readonly HTTPRoute[];
  readonly now: Date;
}

type Cause = (input: CauseInput) => ServalStatus | undefined;

const cause = (reason: Reason, message: string, fix?: string): ServalStatus => ({
  reason,
  code: codeOf(reason),
  message,
  fix: fix ?? catalogue[reason].fix,
});

/** Last words of a container, shortened: a status is not a log. */
const words = (text: string | undefined): string => {
  const trimmed = (text ?? "").trim();
  return trimmed.length > 600 ? `…${trimmed.slice(-600)}` : trimmed;
};

const nameOf = ({ metadata }: Pod): string => metadata?.name ?? "";

const unschedulable: Cause = ({ pods }) => {
  for (const pod of pods) {
    const condition = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
    if (condition?.status === "False")
      return cause("Unschedulable", `Pod ${nameOf(pod)} has no node: ${words(condition.message) || condition.reason}`);
  }
  return undefined;
};

const imageReasons: ReadonlySet<string> = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "InvalidImageName",
  "ErrImageNeverPull",
  "ImageInspectError",
  "ImageNotRunnable",
]);
const configReasons: ReadonlySet<string> = new Set([
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
]);

const statusesOf = ({ status }: Pod): ContainerStatus[] => [
  ...(status?.initContainerStatuses ?? []),
  ...(status?.containerStatuses ?? []),
];

/** A container that waits for a reason of this set. */
const waiting =
  (reasons: ReadonlySet<string>, reason: Reason): Cause =>
  ({ pods }) => {
    for (const pod of pods)
      for (const { name, image, state } of statusesOf(pod)) {
        const why = state?.waiting;
        if (why?.reason !== undefined && reasons.has(why.reason))
          return cause(
            reason,
            `Container ${name} of pod ${nameOf(pod)} (image ${image}) cannot start: ${words(why.message) || why.reason}`,
          );
      }
    return undefined;
  };

type Terminated = NonNullable<NonNullable<ContainerStatus["state"]>["terminated"]>;

/** The latest failed end of a container that is not running well now. */
function failedEnd({ state, lastState }: ContainerStatus): Terminated | undefined {
  if (state?.running !== undefined) return undefined;
  const end = state?.terminated ?? (state?.waiting === undefined ? undefined : lastState?.terminated);
  return end === undefined || end.exitCode === 0 ? undefined : end;
}

/** Every container whose latest end failed, the newest pod's first. */
function* failedContainers(pods: readonly Pod[]): Generator<{ pod: Pod; status: ContainerStatus; end: Terminated }> {
  for (const pod of pods)
    for (const status of statusesOf(pod)) {
      const end = failedEnd(status);
      if (end !== undefined) yield { pod, status, end };
    }
}

const outOfMemory: Cause = ({ pods }) => {
  for (const { pod, status, end } of failedContainers(pods))
    if (end.reason === "OOMKilled")
      return cause(
        "OutOfMemory",
        `Container ${status.name} of pod ${nameOf(pod)} was killed for using too much memory`,
      );
  return undefined;
};

const failedDownload: Cause = ({ pods }) => {
  for (const { pod, status, end } of failedContainers(pods))
    if (status.name === containerNames.storageInitializer)
      return cause(
        "DownloadFailed",
        `The storage initializer of pod ${nameOf(pod)} ended with exit code ${end.exitCode}: ${words(end.message) || "it said nothing"}`,
      );
  return undefined;
};

const crashing: Cause = ({ pods }) => {
  for (const { pod, status, end } of failedContainers(pods)) {
    const isModel = status.name === containerNames.model;
    const text = `Container ${status.name} of pod ${nameOf(pod)} ended with exit code ${end.exitCode} (${status.restartCount} restarts): ${words(end.message) || "it left no message"}`;
    const fix = `Read its last words: kubectl logs ${nameOf(pod)} -c ${status.name} --previous`;
    return cause(isModel && status.restartCount === 0 ? "ModelLoadFailed" : "CrashLoop", text, fix);
  }
  return undefined;
};

/** How long a running container may take to become ready before that counts as a failing probe. */
export const readinessGraceMs = 30_000;

const isUnready = ({ ready, state }: ContainerStatus): boolean => !ready && state?.running !== undefined;

/** Whether a look after the grace could find a failing probe: the kubelet reports nothing while a probe fails. */
export const mayFailProbes = (pods: readonly Pod[]): boolean =>
  pods.some(({ status }) => status?.containerStatuses?.some(isUnready) === true);

const probeFailing: Cause = ({ pods, now }) => {
  for (const pod of pods)
    for (const status of (pod.status?.containerStatuses ?? []).filter(isUnready)) {
      const startedAt = status.state?.running?.startedAt;
      const ageMs = startedAt === undefined ? 0 : now.getTime() - Date.parse(startedAt);
      if (ageMs >= readinessGraceMs)
        return cause(
          "ProbeFailing",
          `Container ${status.name} of pod ${nameOf(pod)} runs since ${startedAt} but does not answer its readiness probe`,
        );
    }
  return undefined;
};

const rejectedPods: Cause = ({ deployments }) => {
  for (const { metadata, status } of deployments) {
    const failed = status?.conditions?.find(({ type, status: truth }) => type === "ReplicaFailure" && truth === "True");
    if (failed !== undefined) return cause("PodRejected", `No pod of ${metadata.name}: ${words(failed.message)}`);
  }
  return undefined;
};

const refusedRoute: Cause = ({ routes }) => {
  for (const { metadata, status } of routes)
    for (const { conditions } of status?.parents ?? []) {
      const failed = conditions.find((condition) => condition.status === "False");
      if (failed !== undefined)
        return cause(
          "RouteNotAccepted",
          `HTTPRoute ${metadata.name}: ${failed.type} is False: ${words(failed.message) || failed.reason}`,
        );
    }
  return undefined;
};

const causes: readonly Cause[] = [
  rejectedPods,
  unschedulable,
  waiting(imageReasons, "ImageNotRunnable"),
  waiting(configReasons, "ContainerConfig"),
  outOfMemory,
  failedDownload,
  crashing,
  refusedRoute,
  probeFailing,
];

/** undefined: nothing is known to be wrong; it may just need time. */
export function rootCause(input: CauseInput): ServalStatus | undefined {
  const ordered = { ...input, pods: newestFirst(input.pods) };
  for (const find of causes) {
    const found = find(ordered);
    if (found !== undefined) return found;
  }
  return undefined;
}
