// SPDX-License-Identifier: Apache-2.0
// Why a graph's router does not run, by the rules that find the cause for services. Pure.
import type { Deployment, InferenceGraph, InferenceService, Pod, ServalStatus } from "@serval/api";
import { rootCause } from "../../causes/index.ts";
import { newestFirst } from "../inference-service/model-status.ts";

export interface RouterLive {
  readonly graph: InferenceGraph;
  readonly deployment: Deployment | undefined;
  readonly pods: readonly Pod[];
  readonly now: Date;
}

/** The rules ask a service about its model; a router has none. */
const withoutModel = ({ spec: _spec, status: _status, ...graph }: InferenceGraph): InferenceService => ({
  ...graph,
  spec: { predictor: {} },
});

/** undefined: nothing is known to be wrong; it may just need time. */
export const routerCause = ({ graph, deployment, pods, now }: RouterLive): ServalStatus | undefined =>
  rootCause({
    isvc: withoutModel(graph),
    pods: newestFirst(pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined)),
    deployments: deployment === undefined ? [] : [deployment],
    routes: [],
    autoscalers: [],
    scaledObjects: [],
    details: {},
    now,
  });
