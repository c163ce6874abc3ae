// SPDX-License-Identifier: Apache-2.0
// When to look again though nothing that is watched has changed: a kubelet reports nothing while a probe or a mount fails,
// a gateway nothing while it does not run. Pure.
import { containerStatuses } from "./cause.ts";
import { isBeingMade } from "./containers.ts";
import type { Evidence } from "./evidence.ts";
import { isUnready, probeGraceMs, runningSinceMs } from "./probes.ts";
import { ageMs, answerMs, isUnanswered } from "./routes.ts";
import { metricsGraceMs, stoppedForMs, stoppedScaling } from "./scaling.ts";
import { mountGraceMs, podAgeMs } from "./wanted.ts";

/** Between looks at what is not watched. */
const againMs = 5_000;

/** The rest of a grace, then again and again. */
const after = (graceMs: number, ageMs: number): number => (ageMs < graceMs ? graceMs - ageMs : againMs);

/** 0: what is watched tells everything. */
export function nextLookMs({ pods, routes, autoscalers, details, now }: Evidence): number {
  const waits: number[] = [];
  for (const pod of pods) {
    for (const status of containerStatuses(pod))
      if (isUnready(status) && status.state?.running?.startedAt !== undefined)
        waits.push(after(probeGraceMs, runningSinceMs(status, now)));
    if (isBeingMade(pod)) waits.push(after(mountGraceMs, podAgeMs(pod, now)));
  }
  for (const route of routes) if (isUnanswered(route)) waits.push(after(answerMs, ageMs(route, now)));
  for (const autoscaler of autoscalers) {
    const stopped = stoppedScaling(autoscaler);
    const sinceMs = stopped === undefined ? Number.POSITIVE_INFINITY : stoppedForMs(stopped, now);
    if (sinceMs < metricsGraceMs) waits.push(metricsGraceMs - sinceMs);
  }
  if ((details.gateways?.size ?? 0) > 0) waits.push(againMs);
  return waits.length === 0 ? 0 : Math.max(50, Math.ceil(Math.min(...waits)));
}
