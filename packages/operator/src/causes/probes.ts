// SPDX-License-Identifier: Apache-2.0
// Containers that run and do not answer. Pure.
import type { ContainerStatus, Event, Pod } from "@serval/api";
import { causeOf, podName, type Rule, words, workloadOf } from "./cause.ts";
import { type Evidence, eventsOf } from "./evidence.ts";

/** How long a running container may take to become ready before that counts as a failing probe. */
export const probeGraceMs = 30_000;

export const isUnready = ({ ready, state }: ContainerStatus): boolean => !ready && state?.running !== undefined;

export const runningSinceMs = ({ state }: ContainerStatus, now: Date): number => {
  const startedAt = Date.parse(state?.running?.startedAt ?? "");
  return Number.isNaN(startedAt) ? 0 : now.getTime() - startedAt;
};

/** Running containers that are past their grace. */
export const lateContainers = ({ status }: Pod, now: Date): ContainerStatus[] =>
  (status?.containerStatuses ?? []).filter((one) => isUnready(one) && runningSinceMs(one, now) >= probeGraceMs);

const isAbout =
  (container: string) =>
  ({ reason, involvedObject }: Event): boolean => {
    const path = involvedObject.fieldPath ?? "";
    return reason === "Unhealthy" && (path === "" || path.includes(`{${container}}`));
  };

/** `Readiness probe failed: HTTP probe failed with statuscode: 503`. */
const saw = (evidence: Evidence, pod: Pod, container: string): string | undefined =>
  eventsOf(evidence, podName(pod)).find(isAbout(container))?.message;

export const failingProbes: Rule = function* (evidence) {
  for (const pod of evidence.pods)
    for (const status of lateContainers(pod, evidence.now)) {
      const said = saw(evidence, pod, status.name);
      const isStartup = /^Startup/.test(said ?? "");
      yield causeOf(isStartup ? "StartupProbeFailed" : "ProbeFailing", {
        message: `Container ${status.name} of pod ${podName(pod)} runs since ${status.state?.running?.startedAt} but ${said === undefined ? "does not answer its readiness probe" : `is not ready: ${words(said)}`}`,
        of: workloadOf(pod),
      });
    }
};
