// SPDX-License-Identifier: Apache-2.0
// Which details would say more about what is seen: nothing at all for a healthy service. Pure.
import type { Pod } from "@serval/api";
import { containerStatuses, deploymentOf, podName } from "./cause.ts";
import { failedContainers, isBeingMade } from "./containers.ts";
import type { Evidence } from "./evidence.ts";
import { isBareBackOff } from "./images.ts";
import { lateContainers } from "./probes.ts";
import { ageMs, answerMs, gatewayName, isUnanswered, parentsOf } from "./routes.ts";
import { schedulingText } from "./scheduling.ts";

/** A run of a container that has ended: its log is read once. */
export interface EndedRun {
  readonly pod: string;
  readonly container: string;
  /** It was started again since. */
  readonly isPrevious: boolean;
  /** Tells this run from every other. */
  readonly id: string;
}

export interface Wanted {
  readonly nodes: boolean;
  readonly claims: readonly string[];
  /** Pods whose events say more. */
  readonly events: readonly string[];
  readonly logs: readonly EndedRun[];
  /** `namespace/name`. */
  readonly gateways: readonly string[];
}

export type Seen = Omit<Evidence, "details">;

/** Mounts take a moment. */
export const mountGraceMs = 5_000;

export const podAgeMs = ({ metadata }: Pod, now: Date): number =>
  now.getTime() - Date.parse(metadata?.creationTimestamp ?? now.toISOString());

/** A claim waits for its volume, or its pod for it. */
function claimsOf(seen: Seen): string[] {
  const waiting = seen.pods.filter((pod) => /PersistentVolumeClaim/i.test(schedulingText(pod) ?? ""));
  const names = waiting.flatMap((pod) =>
    (deploymentOf({ ...seen, details: {} }, pod)?.spec?.template.spec?.volumes ?? []).flatMap(
      ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? [],
    ),
  );
  return [...new Set(names)];
}

/** Killed by a signal: only an event tells whether a probe was behind it. */
const wasKilled = (pod: Pod): boolean =>
  [...failedContainers([pod])].some(({ end }) => [137, 143].includes(end.exitCode) && end.reason !== "OOMKilled");

const needsEvents = (pod: Pod, now: Date): boolean =>
  lateContainers(pod, now).length > 0 ||
  wasKilled(pod) ||
  containerStatuses(pod).some(isBareBackOff) ||
  (isBeingMade(pod) && podAgeMs(pod, now) >= mountGraceMs);

/** A container that left a message has said it all, unless a person asks. */
function endedRuns(pods: readonly Pod[], isThorough: boolean): EndedRun[] {
  return [...failedContainers(pods)]
    .filter(({ end }) => isThorough || (end.reason !== "OOMKilled" && (end.message ?? "").trim() === ""))
    .map(({ pod, status, end }) => ({
      pod: podName(pod),
      container: status.name,
      isPrevious: status.state?.terminated === undefined,
      id: `${pod.metadata?.uid}/${status.name}/${end.finishedAt ?? status.restartCount}`,
    }));
}

const isRefused = ({ status }: Seen["routes"][number]): boolean =>
  status?.parents.some(({ conditions }) => conditions.some((condition) => condition.status === "False")) === true;

const gatewaysOf = (routes: Seen["routes"]): string[] => [
  ...new Set(routes.flatMap((route) => parentsOf(route).map((parent) => gatewayName(route, parent)))),
];

/** A handful of pods tells what hundreds would. */
const enough = 5;

/** @param isThorough asks about Gateways of accepted routes and logs of containers that left a message, too. */
export function wantedDetails(seen: Seen, isThorough = false): Wanted {
  const { pods, routes, now } = seen;
  const silent = routes.filter((route) => isUnanswered(route) && ageMs(route, now) >= answerMs);
  return {
    nodes: pods.some((pod) => /Insufficient/.test(schedulingText(pod) ?? "")),
    claims: claimsOf(seen),
    events: pods
      .filter((pod) => needsEvents(pod, now))
      .slice(0, enough)
      .map(podName),
    logs: endedRuns(pods, isThorough).slice(0, enough),
    gateways: gatewaysOf(isThorough ? routes : [...silent, ...routes.filter(isRefused)]),
  };
}
