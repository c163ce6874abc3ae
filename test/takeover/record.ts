// SPDX-License-Identifier: Apache-2.0
// A cluster at one moment, and what became of it: pods that were replaced, objects that changed, traffic that moved.
import {
  type AnyObject,
  inferenceGraphs,
  inferenceServices,
  type KubeObject,
  keyOf,
  keyText,
  type ResourceType,
  resources,
  trainedModels,
} from "@serval/api";
import type { Cluster } from "@serval/kube";
import { deepDifferences } from "../golden/compare.ts";
import { controllerNamespaces } from "./players.ts";

const types: readonly ResourceType[] = [
  resources.pods,
  resources.replicaSets,
  resources.deployments,
  resources.services,
  resources.horizontalPodAutoscalers,
  resources.scaledObjects,
  resources.openTelemetryCollectors,
  resources.httpRoutes,
  resources.ingresses,
  resources.configMaps,
  inferenceServices,
  inferenceGraphs,
  trainedModels,
] as ResourceType[];

const isController = (namespace: string | undefined): boolean => controllerNamespaces.has(namespace ?? "");

export type Snapshot = ReadonlyMap<string, KubeObject>;

const nameOf = (object: KubeObject): string => `${object.kind} ${keyText(keyOf(object))}`;

export async function takeSnapshot(cluster: Cluster): Promise<Snapshot> {
  const lists = await Promise.all(types.map((type) => cluster.list(type)));
  // The controllers' own pods come and go with them; one that is on its way out has been replaced already.
  const isOf = ({ kind, metadata }: KubeObject): boolean =>
    !isController(metadata.namespace) && !(kind === "Pod" && metadata.deletionTimestamp !== undefined);
  const objects = lists.flatMap(({ items }) => items).filter(isOf);
  return new Map(objects.map((object) => [nameOf(object), object]));
}

/** Bookkeeping of the API server; the rest of an object's metadata is compared. */
const withoutBookkeeping = ({ metadata, ...rest }: KubeObject): unknown => {
  const { managedFields: _fields, resourceVersion: _version, uid: _uid, creationTimestamp: _time, ...kept } = metadata;
  return { ...rest, metadata: kept };
};

export interface Change {
  readonly object: string;
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

const times = /(lastTransitionTime|lastUpdateTime|lastProbeTime|renewTime)$/;

/** Every field of every object that differs; a missing object is the field "". */
export function changesBetween(before: Snapshot, after: Snapshot): Change[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((object) => {
    const [old, next] = [before.get(object), after.get(object)];
    if (old === undefined || next === undefined)
      return [{ object, field: "", before: old && "there", after: next && "there" }];
    const found = [...deepDifferences(withoutBookkeeping(next), withoutBookkeeping(old), "")];
    return found
      .filter(({ field }) => !times.test(field))
      .map(({ field, ours, theirs }) => ({ object, field, before: theirs, after: ours }));
  });
}

const ofKind = (snapshot: Snapshot, kind: string): AnyObject[] =>
  [...snapshot.values()].filter((object) => object.kind === kind) as AnyObject[];

const uids = (snapshot: Snapshot, kind: string): Set<string> =>
  new Set(ofKind(snapshot, kind).map(({ metadata }) => metadata.uid ?? ""));

export interface Restarts {
  /** Pods of the first moment that are gone, and ReplicaSets that are new. */
  readonly pods: readonly string[];
  readonly replicaSets: readonly string[];
}

export function restartsBetween(before: Snapshot, after: Snapshot): Restarts {
  const [podsAfter, setsBefore] = [uids(after, "Pod"), uids(before, "ReplicaSet")];
  return {
    pods: ofKind(before, "Pod")
      .filter(({ metadata }) => !podsAfter.has(metadata.uid ?? ""))
      .map(nameOf),
    replicaSets: ofKind(after, "ReplicaSet")
      .filter(({ metadata }) => !setsBefore.has(metadata.uid ?? ""))
      .map(nameOf),
  };
}

/** Where requests go: whatever of it changes may lose one. */
const traffic = /^(Service .*spec\.(selector|ports|type|clusterIP)|HTTPRoute .*spec\.|Ingress .*spec\.)/;
export const movesTraffic = ({ object, field }: Change): boolean =>
  /^(Service|HTTPRoute|Ingress) /.test(object) && (field === "" || traffic.test(`${object} ${field}`));

const holds = (object: AnyObject, type: string): boolean =>
  ((object["status"] as { conditions?: { type: string; status: string }[] } | undefined)?.conditions ?? []).some(
    (one) => one.type === type && one.status === "True",
  );

/** InferenceServices and graphs that are Ready. */
export const readyNames = (snapshot: Snapshot): string[] =>
  ["InferenceService", "InferenceGraph", "TrainedModel"].flatMap((kind) =>
    ofKind(snapshot, kind)
      .filter((object) => holds(object, "Ready"))
      .map(nameOf),
  );
