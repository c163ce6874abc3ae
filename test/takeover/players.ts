// SPDX-License-Identifier: Apache-2.0
// The kubelet and the gateway controller of a cluster without nodes: pods get ready and routes are accepted as soon as
// they are there.
import {
  type AnyObject,
  type HTTPRoute,
  type KubeObject,
  keyOf,
  type Pod,
  type ResourceType,
  resources,
} from "@serval/api";
import { type Cluster, createInformer, isConflict, isNotFound } from "@serval/kube";
import { podStatus, routeStatus } from "../golden/play.ts";

/** Pods there are real processes (nodes.ts). */
export const controllerNamespaces: ReadonlySet<string> = new Set(["kserve", "serval-system"]);

const isTrue = (conditions: readonly { type?: string; status?: string }[] | undefined, type: string): boolean =>
  conditions?.some((one) => one.type === type && one.status === "True") === true;

const isPlayedRoute = ({ metadata, status }: HTTPRoute): boolean =>
  status?.parents?.some(({ conditions }) =>
    conditions?.some(({ observedGeneration }) => observedGeneration === metadata.generation),
  ) === true;

interface Part<T extends KubeObject> {
  readonly type: ResourceType<T>;
  readonly isDone: (object: T) => boolean;
  readonly statusOf: (object: T) => object;
}

function play<T extends KubeObject>(cluster: Cluster, signal: AbortSignal, { type, isDone, statusOf }: Part<T>): void {
  createInformer(cluster, type, { signal }).onChange(({ type: change, object }) => {
    if (change === "deleted" || object.metadata.deletionTimestamp !== undefined || isDone(object)) return;
    const body = { status: statusOf(object) };
    cluster.patch(type, keyOf(object), { type: "merge", body }, { subresource: "status" }).catch((error: unknown) => {
      if (!signal.aborted && !isConflict(error) && !isNotFound(error)) throw error;
    });
  });
}

/** Until `signal` aborts. */
export function startPlayers(cluster: Cluster, signal: AbortSignal): void {
  play<Pod & KubeObject>(cluster, signal, {
    type: resources.pods as ResourceType<Pod & KubeObject>,
    isDone: (pod) => controllerNamespaces.has(pod.metadata.namespace ?? "") || isTrue(pod.status?.conditions, "Ready"),
    statusOf: (pod) => podStatus(pod as unknown as AnyObject, "ready"),
  });
  play<HTTPRoute>(cluster, signal, {
    type: resources.httpRoutes,
    isDone: isPlayedRoute,
    statusOf: (route) => routeStatus(route as unknown as AnyObject, true),
  });
}
