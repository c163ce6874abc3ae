// SPDX-License-Identifier: Apache-2.0
// When a status is worth writing: a change comes in steps (children written, pods ready, Deployment available, routes
// accepted), and a write per step would cost more than all the rest. Pure.
import { type Deployment, type InferenceServiceStatus, type Pod, readyConditionOf } from "@serval/api";
import { noParentStatus } from "../../routes/readiness.ts";

/** How long a status waits for the children that were just written to say something themselves. */
export const settleMs = 250;
/**
 * Within this a new Deployment is looked at, counts its ready pods, routes are written, and a gateway accepts them, on a
 * busy cluster too.
 */
const answerMs = 2_000;

const holds = (conditions: readonly { type: string; status: string }[] | undefined, wanted: string): boolean =>
  conditions?.some(({ type, status }) => type === wanted && status === "True") === true;

export const isReadyStatus = (status: InferenceServiceStatus | undefined): boolean =>
  holds(status?.conditions, "Ready");

const awaitsGateway = ({ conditions }: InferenceServiceStatus): boolean =>
  conditions?.some(({ type, reason }) => type === "IngressReady" && reason === noParentStatus) === true;

/** Every pod is ready and the Deployment does not say so yet. */
const podsAreAhead = ({ conditions }: InferenceServiceStatus, pods: readonly Pod[]): boolean =>
  pods.length > 0 &&
  !holds(conditions, readyConditionOf.predictor) &&
  pods.every(({ status }) => holds(status?.conditions, "Ready"));

/** Its controller has not looked yet at what was written: what the Deployment says is of before. */
const isUnobserved = ({ metadata, status }: Deployment): boolean => status?.observedGeneration !== metadata?.generation;

/** What a status is made from and waits for. */
export interface Followed {
  readonly pods: readonly Pod[];
  readonly deployments: readonly Deployment[];
}

/** True for a status whose next step follows by itself, even when nothing was written before. */
export const isInBetween = (status: InferenceServiceStatus, pods: readonly Pod[]): boolean =>
  podsAreAhead(status, pods) || awaitsGateway(status);

/**
 * How long the status should wait, in ms; 0: write it now. A ready one never waits.
 *
 * @param ageMs since the change began.
 */
export function settlingMs(status: InferenceServiceStatus, { pods, deployments }: Followed, ageMs: number): number {
  if (isReadyStatus(status)) return 0;
  const isAnswered = !isInBetween(status, pods) && !deployments.some(isUnobserved);
  return Math.max(0, (isAnswered ? settleMs : answerMs) - ageMs);
}

/** How long the change is in progress, in ms; undefined: none is. A clock that went back begins it again. */
export function settlingAge(settling: Map<string, number>, name: string, now: number): number | undefined {
  const since = settling.get(name);
  if (since === undefined) return undefined;
  if (since > now) settling.set(name, now);
  return Math.max(0, now - since);
}
