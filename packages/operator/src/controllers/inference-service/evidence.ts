// SPDX-License-Identifier: Apache-2.0
// From what is observed of one service to what the rules of causes look at. Pure.
import type {
  AnyObject,
  Deployment,
  HorizontalPodAutoscaler,
  HTTPRoute,
  InferenceServiceStatus,
  KubeObject,
} from "@serval/api";
import { currentPods, type Evidence, nextLookMs } from "@serval/operator/causes/index.ts";
import type { ChildKind } from "../../children/children.ts";
import type { StatusInput } from "./live.ts";
import { isReadyStatus } from "./settling.ts";

export function evidenceOf({ isvc, live, now, details = {} }: StatusInput): Evidence {
  const owned = <T extends KubeObject>(kind: ChildKind): T[] => live.owned(kind) as unknown as T[];
  return {
    isvc,
    pods: currentPods(live.pods),
    deployments: owned<Deployment>("Deployment"),
    routes: owned<HTTPRoute>("HTTPRoute"),
    autoscalers: owned<HorizontalPodAutoscaler>("HorizontalPodAutoscaler"),
    scaledObjects: owned<AnyObject>("ScaledObject"),
    details,
    now,
  };
}

/** When to reconcile again though no event comes; 0: when one does. Of a service that serves only its scaling counts. */
export function lookAgainMs(status: InferenceServiceStatus, input: StatusInput): number {
  const evidence = evidenceOf(input);
  const isSettled = isReadyStatus(status) && status.canaryStatuses === undefined;
  return nextLookMs(isSettled ? { ...evidence, pods: [], routes: [], details: {} } : evidence);
}
