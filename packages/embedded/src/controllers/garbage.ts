// SPDX-License-Identifier: Apache-2.0
// Garbage collection by owner references: dependents go when their last owner is gone (background), before their owner
// (foreground), or are set free (orphan).
import { apiVersionOf, type Key, type KubeObject, keyOf, type ResourceType } from "@serval/api";
import {
  type Cluster,
  createInformer,
  type Informer,
  isConflict,
  isNotFound,
  type ReconcileResult,
} from "@serval/kube";
import { isDeleting } from "./ownership.ts";

/** An owner may be named in another version of its kind. */
const groupOf = (apiVersion: string): string => (apiVersion.includes("/") ? (apiVersion.split("/")[0] as string) : "");

const foreground = "foregroundDeletion";
const orphan = "orphan";

export interface GarbageCollector {
  readonly informers: readonly Informer<KubeObject>[];
  reconcile(type: ResourceType, key: Key): Promise<ReconcileResult>;
  /** Keys per kind that a change concerns: dependents of a deleted owner, owners waiting for a deleted dependent. */
  concerned(object: KubeObject): { type: ResourceType; key: Key }[];
}

export function createGarbageCollector(
  cluster: Cluster,
  types: readonly ResourceType[],
  signal: AbortSignal,
): GarbageCollector {
  const indexes = {
    owner: (object: KubeObject) => (object.metadata.ownerReferences ?? []).map(({ uid }) => uid),
    uid: (object: KubeObject) => [object.metadata.uid ?? ""],
  };
  // Only metadata decides here: the rest of every object of the home need not be held twice.
  const transform = ({ apiVersion, kind, metadata: { managedFields: _, ...metadata } }: KubeObject): KubeObject => ({
    apiVersion,
    kind,
    metadata,
  });
  const informers = types.map((type) => createInformer(cluster, type, { signal, indexes, transform }));
  const informerOf = (type: ResourceType): Informer<KubeObject> =>
    informers[types.indexOf(type)] as Informer<KubeObject>;
  const find = (index: string, value: string) =>
    informers.flatMap((informer) =>
      informer.byIndex(index, value).map((object) => ({ type: informer.type as ResourceType, object })),
    );
  const typeOf = (apiVersion: string, kind: string): ResourceType | undefined =>
    types.find((type) => type.kind === kind && groupOf(apiVersionOf(type)) === groupOf(apiVersion));

  /** Owners are looked up live: a cache that is behind must never delete a child of a living owner. */
  const exists = async (
    object: KubeObject,
    owner: NonNullable<KubeObject["metadata"]["ownerReferences"]>[number],
  ): Promise<boolean> => {
    const type = typeOf(owner.apiVersion, owner.kind);
    // A kind that is not served here cannot be judged; its dependents stay.
    if (type === undefined) return true;
    const namespace = type.namespaced ? object.metadata.namespace : undefined;
    const live = await cluster.get(type, { namespace, name: owner.name });
    return live !== undefined && live.metadata.uid === owner.uid;
  };
  const removeFinalizer = async (type: ResourceType, object: KubeObject, name: string): Promise<void> => {
    const finalizers = (object.metadata.finalizers ?? []).filter((finalizer) => finalizer !== name);
    const body = {
      metadata: { uid: object.metadata.uid, resourceVersion: object.metadata.resourceVersion, finalizers },
    };
    await cluster.patch(type, keyOf(object), { type: "merge", body });
  };
  const finishForeground = async (type: ResourceType, object: KubeObject): Promise<void> => {
    const dependents = find("owner", object.metadata.uid ?? "");
    for (const dependent of dependents) {
      if (isDeleting(dependent.object)) continue;
      await cluster.delete(dependent.type, keyOf(dependent.object), {
        uid: dependent.object.metadata.uid ?? "",
        propagationPolicy: "Foreground",
      });
    }
    const blocking = dependents.some(({ object: dependent }) =>
      dependent.metadata.ownerReferences?.some(
        (owner) => owner.uid === object.metadata.uid && owner.blockOwnerDeletion === true,
      ),
    );
    if (!blocking) await removeFinalizer(type, object, foreground);
  };
  const setFree = async (type: ResourceType, object: KubeObject): Promise<void> => {
    for (const dependent of find("owner", object.metadata.uid ?? "")) {
      const ownerReferences = dependent.object.metadata.ownerReferences?.filter(
        ({ uid }) => uid !== object.metadata.uid,
      );
      const body = { metadata: { uid: dependent.object.metadata.uid, ownerReferences } };
      await cluster.patch(dependent.type, keyOf(dependent.object), { type: "merge", body });
    }
    await removeFinalizer(type, object, orphan);
  };

  return {
    informers,
    concerned: (object) => {
      const uid = object.metadata.uid ?? "";
      const owners = (object.metadata.ownerReferences ?? [])
        .flatMap((owner) => find("uid", owner.uid))
        .filter(({ object: owner }) => isDeleting(owner));
      return [...find("owner", uid), ...owners].map(({ type, object: other }) => ({ type, key: keyOf(other) }));
    },
    async reconcile(type, key) {
      const object = informerOf(type).get(key);
      if (object === undefined) return undefined;
      try {
        const finalizers = object.metadata.finalizers ?? [];
        if (isDeleting(object) && finalizers.includes(foreground)) await finishForeground(type, object);
        if (isDeleting(object) && finalizers.includes(orphan)) await setFree(type, object);
        const owners = object.metadata.ownerReferences ?? [];
        if (isDeleting(object) || owners.length === 0) return undefined;
        const living = await Promise.all(owners.map((owner) => exists(object, owner)));
        if (!living.includes(true))
          await cluster.delete(type, key, { uid: object.metadata.uid ?? "", propagationPolicy: "Background" });
      } catch (error) {
        if (isNotFound(error)) return undefined;
        if (isConflict(error)) return { requeueAfterMs: 50 };
        throw error;
      }
      return undefined;
    },
  };
}
