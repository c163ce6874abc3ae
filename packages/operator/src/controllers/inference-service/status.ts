// SPDX-License-Identifier: Apache-2.0
// From what is really there to the status that is written. Pure. Source: KServe inference_service_status.go; `serval`
// is ours.
import {
  ConditionSet,
  codeOf,
  defaultContainerPort,
  hostOf,
  type InferenceService,
  type InferenceServiceStatus,
  namespaceOf,
  type Role,
  readyConditionOf,
  roles,
  routeName,
  type ServalStatus,
  type ServingConfig,
  type ServingRuntime,
  type Verdict,
} from "@serval/api";
import { refusalOf, rootCause, scalingCause, servalStatusOf } from "@serval/operator/causes/index.ts";
import { servicePorts } from "../../modes/standard/service.ts";
import { imageVolumeVerdict } from "../../pod/index.ts";
import { httpRoutesVerdict, ingressVerdict, type RouteOwner } from "../../routes/readiness.ts";
import { routeFlavour } from "./build.ts";
import { canaryProblem, canaryStatus, markCanaries, withTraffic } from "./canary-status.ts";
import type { Component } from "./component.ts";
import { evidenceOf } from "./evidence.ts";
import { componentVerdict, podsOf, type StatusInput } from "./live.ts";
import { modelStatusOf } from "./model-status.ts";
import { progressOf } from "./progress.ts";
import type { Failure, Resolved } from "./resolve.ts";

/** KServe names one of the two fields and clears the other. */
function runtimeNames(
  runtime: ServingRuntime | undefined,
): Pick<InferenceServiceStatus, "servingRuntimeName" | "clusterServingRuntimeName"> {
  const name = runtime?.metadata.name;
  if (name === undefined) return {};
  return runtime?.kind === "ClusterServingRuntime" ? { clusterServingRuntimeName: name } : { servingRuntimeName: name };
}

function base({ isvc, now }: StatusInput): { status: InferenceServiceStatus; conditions: ConditionSet } {
  const conditions = new ConditionSet(isvc.status?.conditions ?? [], now);
  if (conditions.get("Ready") === undefined) conditions.initialise();
  const status: InferenceServiceStatus = { ...isvc.status, observedGeneration: isvc.metadata.generation ?? 0 };
  delete status.serval;
  delete status.canaryStatuses;
  return { status, conditions };
}

/** The status of a service that cannot be built. Running children stay as they are, and so do their conditions. */
export function statusFromFailure(
  failure: Failure & { readonly resolved?: Resolved | undefined },
  input: StatusInput,
  mode: string,
): InferenceServiceStatus {
  const { status, conditions } = base(input);
  if (failure.condition !== undefined)
    conditions.mark(failure.condition.type, {
      status: "False",
      reason: failure.condition.reason,
      message: failure.message,
    });
  const serval = servalOf(failure);
  const next: InferenceServiceStatus = { ...status, conditions: conditions.list(), deploymentMode: mode, serval };
  const runtime = failure.runtime ?? failure.resolved?.runtime;
  if (runtime !== undefined) Object.assign(next, withoutRuntime(next), runtimeNames(runtime));
  if (failure.modelMessage === undefined)
    return { ...next, ...begunComponents(failure, next), modelStatus: next.modelStatus ?? { transitionStatus: "" } };
  return {
    ...next,
    modelStatus: {
      ...status.modelStatus,
      transitionStatus: "InvalidSpec",
      states: {
        activeModelState: status.modelStatus?.states?.activeModelState ?? "",
        targetModelState: "FailedToLoad",
      },
      lastFailureInfo: {
        reason: failure.reason as "NoSupportingRuntime",
        message: failure.modelMessage,
      },
    },
  };
}

/** A refusal of the API server may have a name of its own: a quota, a webhook that is away. */
function servalOf({ reason, message, fix }: Failure): ServalStatus {
  const refusal = reason === "ApplyFailed" ? refusalOf(message, "") : undefined;
  return refusal === undefined ? { reason, code: codeOf(reason), message, fix } : servalStatusOf(refusal);
}

/** What the children say, and why the route of the service was refused. */
export const withFailure = (status: InferenceServiceStatus, failure: Failure | undefined): InferenceServiceStatus =>
  failure === undefined ? status : { ...status, serval: servalOf(failure) };

/** KServe: components have an entry as soon as they were begun, up to the one that failed. */
function begunComponents(
  { condition, resolved }: Failure & { readonly resolved?: Resolved | undefined },
  { components = {} }: InferenceServiceStatus,
): Pick<InferenceServiceStatus, "components"> {
  const present = resolved?.components.map(({ role }) => role) ?? [];
  const failed = present.findIndex((role) => readyConditionOf[role] === condition?.type);
  const begun = present.slice(0, failed + 1).map((role) => [role, components[role] ?? {}] as const);
  return begun.length === 0 ? {} : { components: { ...components, ...Object.fromEntries(begun) } };
}

function withoutRuntime(status: InferenceServiceStatus): InferenceServiceStatus {
  const { servingRuntimeName: _namespaced, clusterServingRuntimeName: _cluster, ...rest } = status;
  return rest;
}

/** Conditions and entries of components that the spec no longer has. */
function forgetRemoved(status: InferenceServiceStatus, conditions: ConditionSet, isvc: InferenceService): void {
  const components = { ...status.components };
  for (const role of roles) {
    if (isvc.spec[role] !== undefined) continue;
    conditions.clear(readyConditionOf[role]);
    delete components[role];
  }
  status.components = components;
}

const urlOf = (config: ServingConfig, host: string): string => {
  const { urlPort } = config.serval;
  return `${config.ingress.urlScheme}://${host}${urlPort === undefined ? "" : `:${urlPort}`}`;
};

/** The component's own host; plain http, as KServe writes it. */
function componentUrl(resolved: Resolved, component: Component): string | undefined {
  const result = hostOf(resolved.isvc, component.name, resolved.config);
  if ("error" in result) return undefined;
  const { urlPort } = resolved.config.serval;
  return `http://${result.host}${urlPort === undefined ? "" : `:${urlPort}`}`;
}

const isHttp2 = (name: string | undefined): boolean =>
  name?.includes("grpc") === true || name?.includes("h2c") === true;

/** Inside the cluster: the transformer's Service, else the predictor's. */
function clusterUrl(resolved: Resolved): string | undefined {
  const find = (role: Role) => resolved.components.find((component) => component.role === role);
  const entry = find("transformer") ?? find("predictor");
  if (entry === undefined) return undefined;
  const host = `http://${entry.name}.${namespaceOf(resolved.isvc)}.svc.cluster.local`;
  if (!resolved.config.service.serviceClusterIPNone) return host;
  // A headless Service has no port mapping: clients speak to the container's port.
  const port = servicePorts(entry).find(({ name }) => !isHttp2(name))?.targetPort ?? defaultContainerPort;
  return `${host}:${port}`;
}

function markComponents(
  resolved: Resolved,
  input: StatusInput,
  conditions: ConditionSet,
): InferenceServiceStatus["components"] {
  const components: NonNullable<InferenceServiceStatus["components"]> = { ...input.isvc.status?.components };
  for (const component of resolved.components) {
    const { role } = component;
    const verdict = componentVerdict(input, component);
    conditions.mark(readyConditionOf[role], verdict);
    const url = verdict.status === "True" ? componentUrl(resolved, component) : undefined;
    components[role] = { ...components[role], ...(url === undefined ? {} : { url }) };
  }
  return components;
}

function routesVerdict(resolved: Resolved, { live }: StatusInput, isReady: (role: Role) => boolean): Verdict {
  const { isvc, components } = resolved;
  const flavour = routeFlavour(resolved);
  if (flavour === "none") return { status: "True" };
  const present = components.map(({ role }) => role);
  if (flavour === "Ingress") return ingressVerdict(present, isReady);
  const namespace = namespaceOf(isvc);
  const nameOf = (owner: RouteOwner): string => (owner === "top" ? (isvc.metadata.name ?? "") : routeName(isvc, owner));
  return httpRoutesVerdict([...present, "top"], (owner) => live.route({ namespace, name: nameOf(owner) }));
}

function reachability(resolved: Resolved): Pick<InferenceServiceStatus, "url" | "address"> {
  const top = hostOf(resolved.isvc, resolved.isvc.metadata.name ?? "", resolved.config);
  const address = clusterUrl(resolved);
  return {
    ...("host" in top ? { url: urlOf(resolved.config, top.host) } : {}),
    ...(address === undefined ? {} : { address: { url: address } }),
  };
}

function servalStatus(resolved: Resolved, input: StatusInput): ServalStatus | undefined {
  const cause = rootCause(evidenceOf(input));
  const predictor = resolved.components.find(({ role }) => role === "predictor");
  const progress = progressOf(podsOf(input.live, predictor));
  if (cause === undefined && progress === undefined) return undefined;
  return { ...cause, ...(progress === undefined ? {} : { progress }) };
}

const imageVolumes = "OciImageVolumeCompatible";

/** Advisory (KServe): the cluster may be too old for a model that is an image volume. */
function markImageVolumes({ components, config, facts }: Resolved, conditions: ConditionSet): void {
  const uris = components.flatMap(({ sourceUri, spec }) => [
    ...(sourceUri === undefined ? [] : [sourceUri]),
    ...(spec.storageUris ?? []).map(({ uri }) => uri),
  ]);
  const verdict = imageVolumeVerdict(uris, config, facts.kubernetesMinor);
  if (verdict === undefined) conditions.clear(imageVolumes);
  else conditions.mark(imageVolumes, { status: "False", ...verdict });
}

/** Everything was applied: conditions from the children as they are now. */
export function statusFrom(resolved: Resolved, input: StatusInput): InferenceServiceStatus {
  if (resolved.isStopped) return stoppedStatus(resolved, input);
  const { status, conditions } = base(input);
  forgetRemoved(status, conditions, resolved.isvc);
  const components = markComponents(resolved, input, conditions);
  for (const role of roles) if (resolved.isvc.spec[role] === undefined) delete components?.[role];
  if (resolved.config.serval.stoppedCondition === "whenStopped") conditions.clear("Stopped");
  else conditions.mark("Stopped", { status: "False" });
  const isReady = (role: Role): boolean => conditions.isTrue(readyConditionOf[role]);
  const ingress = routesVerdict(resolved, input, isReady);
  conditions.mark("IngressReady", ingress);
  markImageVolumes(resolved, conditions);
  const canaries = canaryStatus(resolved, input);
  markCanaries(resolved, conditions);
  const isServiceReady = conditions.isTrue("Ready");
  const predictor = resolved.components.find(({ role }) => role === "predictor");
  const serval = isServiceReady
    ? (canaryProblem(resolved, input) ?? scalingCause(evidenceOf(input)))
    : servalStatus(resolved, input);
  return {
    ...withoutRuntime(status),
    ...canaries,
    ...runtimeNames(resolved.runtime),
    ...(ingress.status === "True" ? reachability(resolved) : {}),
    components: withTraffic(resolved, components),
    conditions: conditions.list(),
    deploymentMode: resolved.mode,
    modelStatus: modelStatusOf(podsOf(input.live, predictor), isServiceReady, status.modelStatus),
    ...(serval === undefined ? {} : { serval }),
  };
}

/** KServe clears the status of a stopped service; only its mode and runtime stay. */
function stoppedStatus(resolved: Resolved, { isvc, now }: StatusInput): InferenceServiceStatus {
  const kept = (isvc.status?.conditions ?? []).filter(({ reason, type }) => reason === "Stopped" || type === "Stopped");
  const conditions = new ConditionSet(kept, now);
  const stopped: Verdict = { status: "False", reason: "Stopped" };
  if ((isvc.spec.canary ?? []).length > 0) conditions.mark("CanaryPredictorReady", stopped);
  for (const { role } of resolved.components) conditions.mark(readyConditionOf[role], stopped);
  conditions.mark("Stopped", { status: "True" });
  const hadIngress = isvc.status?.conditions?.some(({ type }) => type === "IngressReady") === true;
  // KServe: with Ingress networking the condition appears only where there was an Ingress.
  if (routeFlavour(resolved) !== "Ingress" || hadIngress) conditions.mark("IngressReady", stopped);
  return {
    ...runtimeNames(resolved.runtime),
    observedGeneration: isvc.metadata.generation ?? 0,
    conditions: conditions.list(),
    deploymentMode: resolved.mode,
    modelStatus: { transitionStatus: "" },
  };
}
