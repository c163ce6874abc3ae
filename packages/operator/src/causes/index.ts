// SPDX-License-Identifier: Apache-2.0
// Why a service is not ready: one list of rules, deepest first, used by the status, by events, by `serval describe` and by
// `serval doctor`. Pure; only read-details.ts reads.
import type { ServalStatus } from "@serval/api";
import { adviceRules } from "./advice.ts";
import { type Cause, type Rule, servalStatusOf } from "./cause.ts";
import { brokenConfigs, brokenMounts, evictedPods, outOfMemory } from "./containers.ts";
import { crashes } from "./crashes.ts";
import { failedDownloads } from "./downloads.ts";
import type { Evidence } from "./evidence.ts";
import { brokenImages } from "./images.ts";
import { failingProbes } from "./probes.ts";
import { refusedPods } from "./refusals.ts";
import { brokenRoutes } from "./routes.ts";
import { stoppedAutoscalers, stoppedScaledObjects } from "./scaling.ts";
import { unscheduledPods } from "./scheduling.ts";
import { smallSharedMemory } from "./shared-memory.ts";

export { type Cause, servalStatusOf } from "./cause.ts";
export { currentPods, type Details, type Evidence, newestEvents } from "./evidence.ts";
export { nextLookMs } from "./next-look.ts";
export { createDetailsSource, type DetailsSource } from "./read-details.ts";
export { refusalOf } from "./refusals.ts";

/** A pod that does not exist cannot fail to start, one that does not start cannot crash: the deepest stands first. */
const rules: readonly Rule[] = [
  refusedPods,
  unscheduledPods,
  evictedPods,
  brokenImages,
  brokenConfigs,
  brokenMounts,
  outOfMemory,
  failedDownloads,
  crashes,
  smallSharedMemory,
  failingProbes,
  brokenRoutes,
];
/** These hurt a service that is ready too. */
const scalingRules: readonly Rule[] = [stoppedAutoscalers, stoppedScaledObjects];

function found(list: readonly Rule[], evidence: Evidence): Cause[] {
  const known = new Map<string, Cause>();
  for (const rule of list)
    for (const cause of rule(evidence)) {
      const name = `${cause.reason} ${cause.of}`;
      if (!known.has(name)) known.set(name, cause);
    }
  return [...known.values()];
}

/** Everything that is known to be wrong, deepest first; empty: it may just need time. */
export const causesOf = (evidence: Evidence): Cause[] => found([...rules, ...scalingRules], evidence);

/** What is not broken and will hurt. */
export const adviceOf = (evidence: Evidence): Cause[] => found(adviceRules, evidence);

const first = (list: readonly Rule[], evidence: Evidence): ServalStatus | undefined => {
  const [cause] = found(list, evidence);
  return cause && servalStatusOf(cause);
};

/** The deepest cause of not being ready, as the status has it. */
export const rootCause = (evidence: Evidence): ServalStatus | undefined => first([...rules, ...scalingRules], evidence);

/** What keeps a service that serves from scaling. */
export const scalingCause = (evidence: Evidence): ServalStatus | undefined => first(scalingRules, evidence);
