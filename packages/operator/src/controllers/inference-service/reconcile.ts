// SPDX-License-Identifier: Apache-2.0
// observe -> resolve -> build -> apply -> report: the whole life of one InferenceService, top to bottom.
import {
  annotations,
  type Deployment,
  type InferenceService,
  type InferenceServiceStatus,
  inferenceServices,
  type Key,
  type KubeObject,
  keyOf,
  keyText,
  labels,
  type Mode,
  modeOf,
  type ResourceType,
  type Role,
  readyConditionOf,
  roles,
  ServalError,
  servingFinalizer,
  type TrainedModel,
} from "@serval/api";
import {
  ApiError,
  type Cluster,
  type EventRecorder,
  type Informer,
  isTransient,
  type ReconcileResult,
} from "@serval/kube";
import type { Adoption } from "@serval/operator/adoption/adoption.ts";
import { originOf } from "@serval/operator/adoption/kserve-form.ts";
import type { DetailsSource } from "@serval/operator/causes/index.ts";
import type { CaBundleSource } from "../../ca-bundle.ts";
import { ChildError } from "../../children/children.ts";
import type { ConfigMapWriter } from "../../children/config-maps.ts";
import type { Drain } from "../../children/drain.ts";
import { isGoneUnseen } from "../../children/gone.ts";
import { modelConfigMap } from "../../pod/multi-model.ts";
import { servedModels } from "../trained-model/served-models.ts";
import { writeStatus } from "../write-status.ts";
import { buildRoutes, buildWorkloads, childKey, wantedKeys } from "./build.ts";
import { evidenceOf, lookAgainMs } from "./evidence.ts";
import { componentVerdict, type Live, type StatusInput } from "./live.ts";
import { type ObserveDeps, observe, observeLive } from "./observe.ts";
import { reportTransitions } from "./report.ts";
import { type Failure, type Resolution, type Resolved, resolve } from "./resolve.ts";
import { isInBetween, isReadyStatus, settleMs, settlingAge, settlingMs } from "./settling.ts";
import { statusFrom, statusFromFailure, withFailure } from "./status.ts";

export interface ReconcileDeps extends ObserveDeps {
  readonly cluster: Cluster;
  readonly events: EventRecorder;
  readonly now: () => Date;
  /**
   * Services in the middle of a change, and since when (ms since the epoch): their status waits for what follows by
   * itself (settling.ts). Made empty.
   */
  readonly settling: Map<string, number>;
  readonly drain: Drain;
  readonly adoption: Adoption;
  readonly configMaps: ConfigMapWriter;
  readonly models: Informer<TrainedModel>;
  readonly caBundle: CaBundleSource;
  readonly details: DetailsSource;
}

/** Secrets are not watched: one that is missing is asked for again by itself. */
const unwatchedMs = 5_000;

/** What came of an attempt to bring the children where the service wants them. */
interface Outcome {
  /** How many children were written. */
  readonly calls: number;
  /** Why it did not succeed; undefined: it did. */
  readonly failure?: Failure | undefined;
  /** To be thrown once the status says why: the reconcile is tried again with backoff. */
  readonly problem?: unknown;
  /** When to try again though nothing watched may change, in ms; 0: not. */
  readonly retryMs: number;
  /** The service is deleted, and the cache does not know yet. */
  readonly isGone?: boolean;
}

async function attempt(deps: ReconcileDeps, resolution: Resolution, key: Key): Promise<Outcome> {
  if ("failure" in resolution) return { calls: 0, retryMs: 0, failure: resolution.failure };
  try {
    const calls = await apply(deps, resolution.resolved, key);
    return calls === undefined ? { calls: 0, retryMs: 0, isGone: true } : { calls, retryMs: 0 };
  } catch (error) {
    const failure = failureOf(error);
    const cause = error instanceof ChildError ? error.cause : error;
    if (!(cause instanceof ServalError)) return { calls: 0, retryMs: 0, failure, problem: cause };
    return { calls: 0, retryMs: cause.transient ? unwatchedMs : 0, failure };
  }
}

interface Decided {
  readonly resolution: Resolution;
  readonly mode: Mode;
}

function statusOf({ resolution, mode }: Decided, { failure }: Outcome, input: StatusInput): InferenceServiceStatus {
  const resolved = "resolved" in resolution ? resolution.resolved : undefined;
  if (resolved === undefined || (failure !== undefined && !failure.isRoute && !servesOn(resolved, input, failure))) {
    return statusFromFailure({ ...(failure as Failure), resolved }, input, mode);
  }
  return withFailure(statusFrom(resolved, input), failure);
}

/** @throws to be retried with backoff, after the status says why. */
export async function reconcileInferenceService(deps: ReconcileDeps, key: Key): Promise<ReconcileResult> {
  const observed = await observe(deps, key);
  const name = keyText(key);
  if (observed === undefined) {
    deps.settling.delete(name);
    deps.drain.forget(name);
    return undefined;
  }
  const { stored: isvc, config } = observed;
  if (isvc.metadata.deletionTimestamp !== undefined) return release(deps, isvc);
  if (isFrozen(isvc)) return undefined;
  const resolution = resolve(observed);
  const outcome = await attempt(deps, resolution, key);
  if (outcome.isGone === true) return undefined;
  // A status written now would be old at the children's first event; once only, lest a quarrel over a field hide it.
  if (outcome.calls > 0 && !deps.settling.has(name)) {
    settle(deps, name);
    return { requeueAfterMs: settleMs };
  }
  const input = await withDetails(deps, { isvc, live: observeLive(deps, key), now: deps.now() });
  const mode = modeOf(isvc, config.deploy.defaultDeploymentMode);
  const status = statusOf({ resolution, mode }, outcome, input);
  const pauseMs = outcome.failure === undefined ? pauseBefore(deps, status, input) : 0;
  if (pauseMs > 0) return { requeueAfterMs: pauseMs };
  deps.settling.delete(name);
  await writeStatus({ cluster: deps.cluster, informer: deps.caches.services }, isvc, status);
  reportTransitions(deps.events, isvc, status, outcome.failure);
  if (outcome.problem !== undefined) throw outcome.problem;
  const waitMs = deps.drain.waitMs(name) || outcome.retryMs || lookAgainMs(status, input);
  return waitMs > 0 ? { requeueAfterMs: waitMs } : undefined;
}

/** How long this status should wait for what follows by itself, in ms; 0: it is worth writing now. */
function pauseBefore(deps: ReconcileDeps, status: InferenceServiceStatus, { isvc, live, now }: StatusInput): number {
  const name = keyText(keyOf(isvc));
  if (isInBetween(status, live.pods)) settle(deps, name);
  const ageMs = settlingAge(deps.settling, name, now.getTime());
  if (ageMs === undefined) return 0;
  return settlingMs(status, { pods: live.pods, deployments: live.owned("Deployment") as Deployment[] }, ageMs);
}

/** Nodes, events and the like are read only where a cause asks for them. */
const withDetails = async ({ details }: ReconcileDeps, input: StatusInput): Promise<StatusInput> => ({
  ...input,
  details: await details.read(evidenceOf(input)),
});

/** The new pods cannot be made (a secret is gone, say), and the old ones serve: the service is as ready as before. */
const servesOn = ({ components, isStopped }: Resolved, input: StatusInput, failure: Failure): boolean =>
  !isStopped &&
  failure.reason !== "ApplyFailed" &&
  components.every((component) => componentVerdict(input, component).status === "True");

/** The change begins now, unless it has begun. */
function settle({ settling, now }: ReconcileDeps, name: string): void {
  if (!settling.has(name)) settling.set(name, now().getTime());
}

/** KServe: `disable-auto-update` leaves a ready service alone. Here the user's own edits still count (weak spot 12). */
function isFrozen({ metadata, status }: InferenceService): boolean {
  if (metadata.annotations?.[annotations.disableAutoUpdate] !== "true") return false;
  return isReadyStatus(status) && status?.observedGeneration === metadata.generation;
}

/**
 * Workloads, then routes to what is ready, then what is no longer wanted goes.
 * @returns how many were written; undefined: the service is gone.
 */
async function apply(deps: ReconcileDeps, resolved: Resolved, key: Key): Promise<number | undefined> {
  const workloads = buildWorkloads(resolved);
  const { isvc } = resolved;
  const { observedGeneration, url } = isvc.status ?? {};
  const isGone = (objects: readonly KubeObject[], hadChildren: boolean): Promise<boolean> =>
    isGoneUnseen(deps, { type: inferenceServices as ResourceType, object: isvc, hadChildren }, objects);
  if (await isGone(workloads, observedGeneration !== undefined)) return undefined;
  await ensureModelList(deps, resolved);
  if (!resolved.isStopped) await deps.caBundle.ensure(key.namespace ?? "default", resolved.config);
  const origin = originOf(resolved);
  const applied = async (objects: readonly KubeObject[]): Promise<number> => {
    const settled = await deps.adoption.settle(objects, origin);
    return settled.calls + (await deps.children.apply(settled.objects));
  };
  const written = await applied(workloads);
  const routes = routesFor(deps, resolved);
  // The URL is told once there are routes.
  if (await isGone(routes, url !== undefined)) return undefined;
  const routed = await applied(routes);
  const wanted = wantedKeys(resolved, workloads);
  const owned = deps.children.ownedBy(resolved.isvc.metadata.uid ?? "");
  const live = observeLive(deps, key);
  const unwanted = owned.filter((child) => !wanted.has(childKey(child)) && !isInUse(child, resolved, live));
  await deps.children.delete(deps.drain.due(keyText(key), unwanted, written + routed > 0 && !resolved.isStopped));
  return written + routed + (await deps.adoption.release(resolved.isvc));
}

/** Before the pods that mount it. */
async function ensureModelList({ configMaps, models }: ReconcileDeps, resolved: Resolved): Promise<void> {
  const { isvc, components, isStopped } = resolved;
  if (isStopped || !components.some(({ isMultiModel }) => isMultiModel === true)) return;
  const served = servedModels(models.list(isvc.metadata.namespace), isvc.metadata.name ?? "");
  await configMaps.ensure(modelConfigMap(isvc, served));
}

/** Pods of an older generation still find each other by its Services until the new ones have replaced them. */
function isInUse({ kind, metadata }: KubeObject, resolved: Resolved, live: Live): boolean {
  if (kind !== "Service" || metadata.labels?.[labels.multiNodeRole] === undefined || resolved.isStopped) return false;
  const namespace = metadata.namespace;
  return resolved.components.some(({ multiNode, workload }) => {
    const { status, metadata: head, spec } = live.deployment({ namespace, name: workload }) ?? {};
    if (multiNode === undefined || status === undefined) return false;
    const isSettled = status.observedGeneration === head?.generation && status.replicas === status.updatedReplicas;
    return !isSettled || (status.availableReplicas ?? 0) < (spec?.replicas ?? 1);
  });
}

function routesFor(deps: ReconcileDeps, resolved: Resolved): KubeObject[] {
  const input = { isvc: resolved.isvc, live: observeLive(deps, keyOf(resolved.isvc)), now: deps.now() };
  const isReady = (role: Role): boolean => {
    const component = resolved.components.find((candidate) => candidate.role === role);
    return component !== undefined && componentVerdict(input, component).status === "True";
  };
  return buildRoutes(resolved, isReady);
}

/** A refusal of the API server is the user's to see: a quota, a webhook, an invalid field. */
function failureOf(thrown: unknown): Failure {
  const error = thrown instanceof ChildError ? thrown.cause : thrown;
  const component = thrown instanceof ChildError ? thrown.object.metadata.labels?.[labels.component] : undefined;
  const role = roles.find((candidate) => candidate === component);
  const condition = { type: readyConditionOf[role ?? "predictor"], reason: "ReconcileFailed" };
  if (error instanceof ServalError) {
    const { reason, message, fix } = error;
    const isModel = reason === "InvalidPredictorSpec";
    return isModel ? { reason, message, fix, modelMessage: message } : { reason, message, fix, condition };
  }
  const isRoute = thrown instanceof ChildError && ["HTTPRoute", "Ingress"].includes(thrown.object.kind);
  const isRefusal = error instanceof ApiError && !isTransient(error);
  const message = error instanceof Error ? error.message : String(error);
  return {
    reason: "ApplyFailed",
    message: role === undefined ? message : `fails to reconcile ${role}: ${message}`,
    fix: isRefusal
      ? "Change what the message names; the operator tries again by itself"
      : "The operator tries again by itself",
    // A conflict or an overloaded API server says nothing about the service.
    ...(isRefusal && error.code !== 409 && !isRoute ? { condition } : {}),
    isRoute,
  };
}

/** Children go by their owner reference; only our finalizer has to go. */
async function release({ cluster }: ReconcileDeps, isvc: InferenceService): Promise<undefined> {
  const finalizers = isvc.metadata.finalizers ?? [];
  if (!finalizers.includes(servingFinalizer)) return undefined;
  const body = {
    metadata: {
      resourceVersion: isvc.metadata.resourceVersion,
      finalizers: finalizers.filter((name) => name !== servingFinalizer),
    },
  };
  await cluster.patch(inferenceServices, keyOf(isvc), { type: "merge", body });
  return undefined;
}
