// SPDX-License-Identifier: Apache-2.0
// What is in the cluster for one service, as the status reads it.
import { appLabel, type HTTPRoute, type InferenceService, type Key, type Pod } from "@serval/api";
import type { Component } from "./component.ts";
import type { RolloutLive } from "./rollout.ts";

/** The children and pods of one service, as the caches have them. */
export interface Live extends RolloutLive {
  readonly route: (key: Key) => HTTPRoute | undefined;
  /** Of the whole service. */
  readonly pods: readonly Pod[];
}

export interface StatusInput {
  /** As stored, with its previous status. */
  readonly isvc: InferenceService;
  readonly live: Live;
  readonly now: Date;
}

export const podsOf = ({ pods }: Live, component: Component | undefined): Pod[] =>
  component === undefined
    ? []
    : pods.filter(({ metadata }) => metadata?.labels?.["app"] === appLabel(component.workload));
