// SPDX-License-Identifier: Apache-2.0
// Containers that cannot be created, pods that were put out, and memory. Pure.
// Source of the texts: kubernetes pkg/kubelet (container manager, volume manager, eviction).
import {
  annotations,
  type Container,
  type ContainerStatus,
  containerNames,
  type Pod,
  quantityValue,
} from "@serval/api";
import {
  causeOf,
  containerStatuses,
  containersOf,
  type Pattern,
  patternFor,
  podName,
  type Rule,
  words,
  workloadOf,
} from "./cause.ts";
import { eventsOf } from "./evidence.ts";

const configReasons: ReadonlySet<string> = new Set([
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
  "StartError",
]);

const configPatterns: readonly Pattern[] = [
  {
    pattern: /\b(secret|configmap)s? "[^"]+" not found|couldn't find key|non-existent (secret|config) key/i,
    reason: "ReferenceMissing",
  },
  { pattern: /serviceaccount/i, reason: "ServiceAccountMissing" },
];

const missingFix = (text: string): string | undefined => {
  const object = /\b(secret|configmap)s? "([^"]+)" not found/i.exec(text);
  if (object !== null)
    return `Create the ${object[1]?.toLowerCase() === "secret" ? "Secret" : "ConfigMap"} ${object[2]} in the pod's namespace; the pod starts by itself`;
  const key = /couldn't find key (\S+) in (Secret|ConfigMap) (\S+)/i.exec(text);
  return key === null ? undefined : `Add the key ${key[1]} to the ${key[2]} ${key[3]}; the pod starts by itself`;
};

export const brokenConfigs: Rule = function* ({ pods }) {
  for (const pod of pods)
    for (const { name, state } of containerStatuses(pod)) {
      const { reason = "", message } = state?.waiting ?? {};
      if (!configReasons.has(reason)) continue;
      const text = words(message) || reason;
      const found = patternFor(configPatterns, text);
      yield causeOf(found?.reason ?? "ContainerConfig", {
        message: `Container ${name} of pod ${podName(pod)} cannot be created: ${text}`,
        of: workloadOf(pod),
        fix: missingFix(text),
      });
    }
};

const isCreating = ({ state }: ContainerStatus): boolean =>
  state?.waiting !== undefined && ["ContainerCreating", "PodInitializing"].includes(state.waiting.reason ?? "");

/** On a node, and nothing of it runs: its volumes are being mounted, or its image pulled. */
export const isBeingMade = (pod: Pod): boolean => {
  const statuses = containerStatuses(pod);
  const hasPlace =
    pod.status?.conditions?.some(({ type, status }) => type === "PodScheduled" && status === "True") === true;
  return hasPlace && pod.status?.phase === "Pending" && statuses.length > 0 && statuses.every(isCreating);
};

/** A volume that cannot be mounted shows in events only. */
export const brokenMounts: Rule = function* (evidence) {
  for (const pod of evidence.pods.filter(isBeingMade)) {
    const event = eventsOf(evidence, podName(pod)).find(({ reason = "" }) =>
      ["FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"].includes(reason),
    );
    if (event === undefined) continue;
    const text = words(event.message);
    const found = patternFor(configPatterns, text);
    const fallback = event.reason === "FailedCreatePodSandBox" ? "ContainerConfig" : "VolumeNotBound";
    yield causeOf(found?.reason ?? fallback, {
      message: `Pod ${podName(pod)} waits for a volume: ${text}`,
      of: workloadOf(pod),
      fix:
        missingFix(text) ??
        (found === undefined ? "Read the message: the node cannot mount or attach the volume" : undefined),
    });
  }
};

/** A node under pressure, a preemption, a lost node. */
export const evictedPods: Rule = function* ({ pods }) {
  for (const pod of pods) {
    const { reason = "", message, phase } = pod.status ?? {};
    if (
      phase !== "Failed" ||
      !["Evicted", "Preempted", "Preempting", "NodeLost", "Shutdown", "Terminated"].includes(reason)
    )
      continue;
    // Another pod has taken its place and serves.
    if (
      pods.some((other) => other !== pod && workloadOf(other) === workloadOf(pod) && other.status?.phase === "Running")
    )
      continue;
    yield causeOf("PodEvicted", {
      message: `Pod ${podName(pod)} was put out by its node (${reason}): ${words(message) || reason}`,
      of: workloadOf(pod),
    });
  }
};

type Terminated = NonNullable<NonNullable<ContainerStatus["state"]>["terminated"]>;

/**
 * The latest failed end of a container that has not served since. One that was started again still counts until it is
 * ready: else the cause would come and go with every restart.
 */
export function failedEnd({ state, lastState, ready }: ContainerStatus): Terminated | undefined {
  if (ready) return undefined;
  const end = state?.terminated ?? lastState?.terminated;
  return end === undefined || end.exitCode === 0 ? undefined : end;
}

export interface FailedContainer {
  readonly pod: Pod;
  readonly status: ContainerStatus;
  readonly end: Terminated;
}

/** Every container whose latest end failed, the newest pod's first. */
export function* failedContainers(pods: readonly Pod[]): Generator<FailedContainer> {
  for (const pod of pods)
    for (const status of containerStatuses(pod)) {
      const end = failedEnd(status);
      if (end !== undefined) yield { pod, status, end };
    }
}

const isInitializer = ({ name }: ContainerStatus): boolean => name === containerNames.storageInitializer;

/** `8Gi` for 4Gi; a power of two above twice the limit reads best. */
function doubled(limit: string): string {
  const mebibytes = Math.max(128, 2 ** Math.ceil(Math.log2((quantityValue(limit) * 2) / 2 ** 20)));
  return mebibytes % 1024 === 0 ? `${mebibytes / 1024}Gi` : `${mebibytes}Mi`;
}

/** Python clients hold whole shards of a large model: less than the seed's 8Gi only moves the failure. */
const initializerMemory = (limit = "0"): string => (quantityValue(limit) >= 8 * 2 ** 30 ? doubled(limit) : "8Gi");

function memoryFix(status: ContainerStatus, container: Container | undefined): string {
  const limit = container?.resources?.limits?.["memory"];
  if (isInitializer(status))
    return `Set the annotation ${annotations.storageInitializerMemory}: ${initializerMemory(limit)} on the InferenceService`;
  if (limit === undefined)
    return `Set resources.limits.memory of ${status.name}, and run it on a node with that much free: without a limit the node itself ran out`;
  return `Raise resources.limits.memory of ${status.name} from ${limit} to ${doubled(limit)}, or serve a smaller model`;
}

export const outOfMemory: Rule = function* (evidence) {
  for (const { pod, status, end } of failedContainers(evidence.pods)) {
    if (end.reason !== "OOMKilled") continue;
    const container = containersOf(evidence, pod).find(({ name }) => name === status.name);
    const limit = container?.resources?.limits?.["memory"];
    const title = isInitializer(status) ? "The storage initializer" : `Container ${status.name}`;
    yield causeOf("OutOfMemory", {
      message: `${title} of pod ${podName(pod)} was killed for using too much memory${limit === undefined ? "" : ` (its limit is ${limit})`}`,
      of: workloadOf(pod),
      fix: memoryFix(status, container),
    });
  }
};
