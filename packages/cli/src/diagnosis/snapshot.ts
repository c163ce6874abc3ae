// SPDX-License-Identifier: Apache-2.0
// What is there around InferenceServices: a few lists, however many services there are.
import {
  type AnyObject,
  codeOf,
  type Deployment,
  type Event,
  type HorizontalPodAutoscaler,
  type HTTPRoute,
  type InferenceService,
  inferenceServices,
  type KubeObject,
  labels,
  type Pod,
  type ReplicaSet,
  type ResourceType,
  resources,
} from "@serval/api";
import { type Cluster, isNotFound } from "@serval/kube";
import { adviceOf, causesOf, currentPods, type DetailsSource, type Evidence } from "@serval/operator/causes/index.ts";
import type { Finding } from "./finding.ts";

export interface Snapshot {
  readonly services: readonly InferenceService[];
  readonly pods: readonly Pod[];
  readonly deployments: readonly Deployment[];
  readonly replicaSets: readonly ReplicaSet[];
  readonly routes: readonly HTTPRoute[];
  readonly autoscalers: readonly HorizontalPodAutoscaler[];
  readonly scaledObjects: readonly AnyObject[];
  readonly events: readonly Event[];
}

/** Nothing where the kind is not installed. */
async function listed<T extends KubeObject>(
  cluster: Cluster,
  type: ResourceType<T>,
  options: { namespace?: string | undefined; labelSelector?: string },
): Promise<readonly T[]> {
  try {
    return (await cluster.list(type, options)).items;
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

export interface SnapshotOptions {
  /** Absent: every one. */
  readonly namespace?: string | undefined;
  readonly withEvents?: boolean;
}

/** @throws ApiError of what may not be listed. */
export async function takeSnapshot(
  cluster: Cluster,
  { namespace, withEvents = false }: SnapshotOptions,
): Promise<Snapshot> {
  const where = namespace === undefined ? {} : { namespace };
  const [services, pods, deployments, replicaSets, routes, autoscalers, scaledObjects, events] = await Promise.all([
    listed(cluster, inferenceServices, where),
    listed(cluster, resources.pods, { ...where, labelSelector: labels.inferenceService }),
    listed(cluster, resources.deployments, where),
    listed(cluster, resources.replicaSets, where),
    listed(cluster, resources.httpRoutes, where),
    listed(cluster, resources.horizontalPodAutoscalers, where),
    listed(cluster, resources.scaledObjects, where),
    withEvents ? listed(cluster, resources.coreEvents, where) : [],
  ]);
  return { services, pods, deployments, replicaSets, routes, autoscalers, scaledObjects, events };
}

export const ownedBy =
  (owner: KubeObject) =>
  ({ metadata }: KubeObject): boolean =>
    metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid) === true;

export const podsOfService = ({ pods }: Snapshot, { metadata }: InferenceService): Pod[] =>
  pods.filter(
    (pod) =>
      pod.metadata?.namespace === metadata.namespace &&
      pod.metadata?.labels?.[labels.inferenceService] === metadata.name,
  );

/** What the rules look at, for one service of the snapshot. */
export function evidenceFor(snapshot: Snapshot, isvc: InferenceService, now: Date): Evidence {
  const isOwned = ownedBy(isvc);
  return {
    isvc,
    pods: currentPods(podsOfService(snapshot, isvc)),
    deployments: snapshot.deployments.filter(isOwned),
    routes: snapshot.routes.filter(isOwned),
    autoscalers: snapshot.autoscalers.filter(isOwned),
    scaledObjects: snapshot.scaledObjects.filter(isOwned),
    details: {},
    now,
  };
}

/** What the operator wrote: it knows about configuration and runtimes, which the rules do not see. */
function fromStatus({ status }: InferenceService): Finding[] {
  const { code, reason = "NotReady", message, fix = "" } = status?.serval ?? {};
  return code === undefined || message === undefined ? [] : [{ code, reason, message, fix, severity: "problem" }];
}

/** The evidence with what a person would go and read: events, logs, nodes, Gateways. */
export const completed = async (evidence: Evidence, details: DetailsSource): Promise<Evidence> => ({
  ...evidence,
  details: await details.read(evidence, true),
});

/** Everything about one service, the deepest first: what the operator says, what the cluster shows, then advice. */
export function findingsOf(complete: Evidence): Finding[] {
  const told = fromStatus(complete.isvc);
  const seen = causesOf(complete)
    .filter((cause) => !told.some(({ reason, message }) => reason === cause.reason || message.includes(cause.message)))
    .map(({ reason, message, fix }): Finding => ({ code: codeOf(reason), reason, message, fix, severity: "problem" }));
  const advice = adviceOf(complete).map(
    ({ reason, message, fix }): Finding => ({ code: codeOf(reason), reason, message, fix, severity: "advice" }),
  );
  return [...told, ...seen, ...advice];
}
