// SPDX-License-Identifier: Apache-2.0
// What the status says about canaries, and how traffic is split. Pure. Source: KServe canary_reconciler.go; KServe never
// fills a canary's modelStatus and shows no split in Standard mode (weak spots 4 and 30), here both are there.
import { type ConditionSet, codeOf, type InferenceServiceStatus, type ServalStatus } from "@serval/api";
import { causeOf } from "@serval/operator/causes/cause.ts";
import { type Evidence, rootCause, servalStatusOf } from "@serval/operator/causes/index.ts";
import { routeFlavour } from "./build.ts";
import type { Canary } from "./canary.ts";
import type { Component } from "./component.ts";
import { evidenceOf } from "./evidence.ts";
import { podsOf, type StatusInput } from "./live.ts";
import { modelStatusOf } from "./model-status.ts";
import type { Resolved } from "./resolve.ts";
import { canaryPercentOf } from "./rollout.ts";

type CanaryStatus = NonNullable<InferenceServiceStatus["canaryStatuses"]>[number];
type Components = NonNullable<InferenceServiceStatus["components"]>;

/** Same text as a failing predictor's; a canary that cannot be built has no pods to ask. */
function modelStatus({ name, failure, components, isReady }: Canary, { isvc, live }: StatusInput) {
  const previous = isvc.status?.canaryStatuses?.find((status) => status.name === name)?.modelStatus;
  if (failure === undefined) return modelStatusOf(podsOf(live, components[0]), isReady, previous);
  return {
    transitionStatus: "InvalidSpec" as const,
    states: { activeModelState: "" as const, targetModelState: "FailedToLoad" as const },
    lastFailureInfo: { reason: "InvalidPredictorSpec" as const, message: failure.message },
  };
}

export function canaryStatus(
  { canaries }: Resolved,
  input: StatusInput,
): Pick<InferenceServiceStatus, "canaryStatuses"> {
  if (canaries.length === 0) return {};
  const canaryStatuses = canaries.map(
    (canary): CanaryStatus => ({
      name: canary.name,
      ready: canary.isReady,
      trafficPercent: canary.percent,
      modelStatus: modelStatus(canary, input),
    }),
  );
  return { canaryStatuses };
}

export function markCanaries({ canaries }: Resolved, conditions: ConditionSet): void {
  if (canaries.length === 0) {
    conditions.clear("CanaryPredictorReady");
    return;
  }
  const isReady = canaries.every((canary) => canary.isReady);
  conditions.mark(
    "CanaryPredictorReady",
    isReady ? { status: "True", reason: "AllCanariesReady" } : { status: "False", reason: "CanariesNotReady" },
  );
}

const ingressCannotSplit = causeOf("WeightsNotSupported", {
  message: "An Ingress sends every request to one Service: the traffic split of the canary cannot take effect",
  of: "Ingress",
  fix: "Set ingress.enableGatewayApi: true in inferenceservice-config, with a Gateway API implementation that supports HTTPRoute weights",
});

/** Its own pods and Deployments; routes and autoscalers are the service's. */
function evidenceOfCanary(input: StatusInput, components: readonly Component[]): Evidence {
  const names = new Set(components.map(({ workload }) => workload));
  const evidence = evidenceOf(input);
  const pods = new Set(components.flatMap((component) => podsOf(input.live, component)));
  return {
    ...evidence,
    pods: evidence.pods.filter((pod) => pods.has(pod)),
    deployments: evidence.deployments.filter(({ metadata }) => names.has(metadata.name ?? "")),
    routes: [],
    autoscalers: [],
    scaledObjects: [],
  };
}

/** Why a canary gets no traffic, on a service that is ready itself. */
export function canaryProblem(resolved: Resolved, input: StatusInput): ServalStatus | undefined {
  const { canaries } = resolved;
  if (canaries.length > 0 && routeFlavour(resolved) === "Ingress") return servalStatusOf(ingressCannotSplit);
  for (const { name, isReady, failure, components } of canaries) {
    if (isReady) continue;
    const title = `Canary ${name}`;
    if (failure !== undefined) {
      const { reason, message, fix } = failure;
      return { reason, code: codeOf(reason), message: `${title}: ${message}`, fix };
    }
    const cause = rootCause(evidenceOfCanary(input, components));
    if (cause !== undefined) return { ...cause, message: `${title}: ${cause.message ?? ""}` };
  }
  return undefined;
}

/** Knative's fields, so that the PREV and LATEST columns and KServe's SDK tell the split of `canaryTrafficPercent`. */
export function withTraffic(resolved: Resolved, components: Components = {}): Components {
  const { isvc, canaries } = resolved;
  const stable = resolved.components.find(({ role }) => role === "predictor");
  const entry = components["predictor"];
  if (stable === undefined || entry === undefined) return components;
  const { traffic: _traffic, latestCreatedRevision: _created, latestReadyRevision: _ready, ...rest } = entry;
  const { latestRolledoutRevision: _rolledOut, previousRolledoutRevision: _previous, ...plain } = rest;
  const [canary] = (isvc.spec.canary ?? []).length > 0 ? [] : canaries;
  const isSplit = canaryPercentOf(isvc) !== undefined && routeFlavour(resolved) === "HTTPRoute";
  if (!isSplit && canary === undefined) return { ...components, predictor: plain };
  const share = canary?.isReady === true ? canary.percent : 0;
  const latest = canary?.name ?? stable.workload;
  const traffic =
    canary === undefined
      ? [{ latestRevision: true, percent: 100, revisionName: latest }]
      : [
          { latestRevision: true, percent: share, revisionName: latest },
          { latestRevision: false, percent: 100 - share, revisionName: stable.workload, tag: "prev" },
        ];
  return {
    ...components,
    predictor: {
      ...plain,
      latestCreatedRevision: latest,
      latestReadyRevision: canary === undefined || canary.isReady ? latest : stable.workload,
      latestRolledoutRevision: stable.workload,
      traffic,
    },
  };
}
