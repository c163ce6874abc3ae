// SPDX-License-Identifier: Apache-2.0
// What is in the cluster for one service, as the status reads it.
import {
  appLabel,
  type HTTPRoute,
  type InferenceService,
  type Key,
  type KubeObject,
  namespaceOf,
  type Pod,
  type Verdict,
} from "@serval/api";
import type { Details } from "@serval/operator/causes/index.ts";
import type { ChildKind } from "../../children/children.ts";
import { workerName } from "../../modes/standard/multi-node.ts";
import type { Component } from "./component.ts";
import { deploymentVerdict, groupVerdict } from "./deployment-verdict.ts";
import type { RolloutLive } from "./rollout.ts";

/** The children and pods of one service, as the caches have them. */
export interface Live extends RolloutLive {
  readonly route: (key: Key) => HTTPRoute | undefined;
  /** Everything of this kind that the service owns. */
  readonly owned: (kind: ChildKind) => readonly KubeObject[];
  /** Of the whole service. */
  readonly pods: readonly Pod[];
}

export interface StatusInput {
  /** As stored, with its previous status. */
  readonly isvc: InferenceService;
  readonly live: Live;
  /** What the causes asked for; absent: nothing. */
  readonly details?: Details;
  readonly now: Date;
}

export const podsOf = ({ pods }: Live, component: Component | undefined): Pod[] =>
  component === undefined
    ? []
    : pods.filter(({ metadata }) => metadata?.labels?.["app"] === appLabel(component.workload));

/** Whether a component's pods serve; on several nodes the head's and the workers' together. */
export function componentVerdict({ live, isvc }: StatusInput, component: Component): Verdict {
  const namespace = namespaceOf(isvc);
  const head = live.deployment({ namespace, name: component.workload });
  if (component.multiNode === undefined) return deploymentVerdict(head);
  return groupVerdict(head, live.deployment({ namespace, name: workerName(component) }));
}
