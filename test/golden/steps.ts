// SPDX-License-Identifier: Apache-2.0
// A case played step by step on an API server with the operator behind it.
import type { AnyObject } from "@serval/api";
import type { Api, Outcome } from "./api.ts";
import { appliedBy, type GoldenCase, type Recording, type StepRecord, stepsOf } from "./case.ts";
import { play } from "./play.ts";

/** @param settle waits until the cluster has nothing more to say. */
export async function playSteps(api: Api, golden: GoldenCase, settle: () => Promise<void>): Promise<Recording> {
  const given = new Set<AnyObject>();
  const steps: StepRecord[] = [];
  for (const { do: action } of stepsOf(golden)) {
    const outcomes: Outcome[] = [];
    for (const object of appliedBy(golden, action, given)) outcomes.push(await api.apply(object));
    if (action.patch !== undefined)
      outcomes.push(await api.patch(action.patch.kind, action.patch.name, action.patch.json));
    await play(api, action, settle);
    await settle();
    steps.push({
      objects: await api.snapshot(),
      refusals: outcomes.flatMap(({ refusal }) => (refusal === undefined ? [] : [refusal])),
      warnings: outcomes.flatMap(({ warnings }) => warnings),
    });
  }
  return { steps, events: await api.events() };
}
