// SPDX-License-Identifier: Apache-2.0
// A condition without severity, as graphs, trained models and LLM services have them. Pure.
import type { ServingCondition, Verdict } from "@serval/api";

export interface ConditionTimes {
  readonly old: readonly ServingCondition[] | undefined;
  readonly now: Date;
}

/** Its time changes only with what it says. */
export function plainCondition(type: string, verdict: Verdict, { old, now }: ConditionTimes): ServingCondition {
  const { status, reason, message } = verdict;
  const before = old?.find((candidate) => candidate.type === type);
  if (before !== undefined && before.status === status && before.reason === reason && before.message === message)
    return before;
  return {
    type,
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    lastTransitionTime: now.toISOString().replace(/\.\d+Z$/, "Z"),
  };
}

export const plainConditions = (wanted: Readonly<Record<string, Verdict>>, times: ConditionTimes): ServingCondition[] =>
  Object.entries(wanted).map(([type, verdict]) => plainCondition(type, verdict, times));
