// SPDX-License-Identifier: Apache-2.0
// The objects that a service owns: watched, applied when they differ, deleted when no longer wanted.
import { type Key, type KubeObject, keyOf, keyText, type ObjectMeta, type ResourceType, resources } from "@serval/api";
import { type Cluster, createInformer, type Informer, type Sharing } from "@serval/kube";
import { isKserves, isMark } from "../adoption/ownership.ts";
import { ChildError } from "./child-error.ts";
import { needsApply } from "./drift.ts";
import { fieldManager } from "./field-manager.ts";

export { ChildError } from "./child-error.ts";
export { fieldManager } from "./field-manager.ts";

const ownerIndex = "owner";

/** Kinds of children, in the order in which they are deleted (traffic first). Adding a kind is one line. */
const childTypes = {
  HTTPRoute: resources.httpRoutes,
  Ingress: resources.ingresses,
  HorizontalPodAutoscaler: resources.horizontalPodAutoscalers,
  ScaledObject: resources.scaledObjects,
  OpenTelemetryCollector: resources.openTelemetryCollectors,
  Service: resources.services,
  Deployment: resources.deployments,
} as const;
export type ChildKind = keyof typeof childTypes;
export const childKinds = Object.keys(childTypes) as ChildKind[];

export const controllerOf = ({ metadata }: KubeObject) =>
  metadata.ownerReferences?.find(({ controller }) => controller === true);

/** Only our own entries of managedFields are ever read, and those of a KServe that is to be taken over. */
function slim<T extends KubeObject>(object: T): T {
  const managedFields = (object.metadata.managedFields ?? []).filter(
    (entry) => entry.manager === fieldManager || isKserves(entry) || isMark(entry),
  );
  return { ...object, metadata: { ...object.metadata, managedFields } };
}

/** Holds a Deployment's replicas between us giving them up and the autoscaler taking them. */
const replicasManager = "serval-operator-replicas";

interface WithReplicas extends KubeObject {
  readonly spec?: { readonly replicas?: number };
}

/**
 * A field that no one holds any more goes back to its default, and a Deployment's replicas to 1: an autoscaler that is
 * switched on must find them as they were. undefined: we do not give them up.
 */
function replicasToKeep(wanted: WithReplicas, stored: WithReplicas): KubeObject | undefined {
  if (wanted.kind !== "Deployment" || wanted.spec?.replicas !== undefined) return undefined;
  const own = stored.metadata.managedFields?.find(({ manager }) => manager === fieldManager)?.fieldsV1;
  const isHeld =
    (own as { "f:spec"?: { "f:replicas"?: unknown } } | undefined)?.["f:spec"]?.["f:replicas"] !== undefined;
  const replicas = stored.spec?.replicas;
  if (!isHeld || replicas === undefined) return undefined;
  const { apiVersion, kind, metadata } = wanted;
  const { name, namespace } = metadata;
  return { apiVersion, kind, metadata: { name, namespace }, spec: { replicas } } as KubeObject;
}

const ownersOf = (object: KubeObject): string[] => {
  const uid = controllerOf(object)?.uid;
  return uid === undefined ? [] : [uid];
};

export interface ChildrenOptions {
  readonly cluster: Cluster;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
  /** Kinds that the cluster serves; others are neither watched nor applied. */
  readonly kinds: readonly ChildKind[];
  /** Of what is cached. */
  readonly share: Sharing;
}

export interface Children {
  readonly informers: readonly Informer<KubeObject>[];
  readonly kinds: readonly ChildKind[];
  get(kind: ChildKind, key: Key): KubeObject | undefined;
  /** undefined: the cluster does not serve the kind. */
  typeOf(kind: ChildKind): ResourceType | undefined;
  /** Everything that this owner controls. */
  ownedBy(uid: string): KubeObject[];
  /** Writes what differs. @returns how many calls it took. @throws ChildError of the first refusal. */
  apply(wanted: readonly KubeObject[]): Promise<number>;
  delete(objects: readonly KubeObject[]): Promise<void>;
}

export function createChildren({ cluster, signal, onError, kinds, share }: ChildrenOptions): Children {
  const transform = <T extends KubeObject>(object: T): T => share(slim(object));
  const informers = new Map<string, Informer<KubeObject>>(
    kinds.map((kind) => {
      const type = childTypes[kind] as ResourceType<KubeObject>;
      const indexes = { [ownerIndex]: ownersOf };
      return [kind, createInformer<KubeObject>(cluster, type, { signal, onError, transform, indexes })];
    }),
  );
  const informerOf = (kind: string): Informer<KubeObject> | undefined => informers.get(kind);
  /** Applies that changed nothing though something is missing: a field that the API server drops (a feature gate). */
  const inVain = new Map<string, { readonly version: string | undefined; readonly wanted: string }>();
  const applyOne = async (object: KubeObject): Promise<number> => {
    const informer = informerOf(object.kind);
    if (informer === undefined) return 0;
    const stored = informer.get(keyOf(object));
    const name = `${object.kind} ${keyText(keyOf(object))}`;
    if (!needsApply(object, stored, fieldManager)) {
      inVain.delete(name);
      return 0;
    }
    const version = stored?.metadata.resourceVersion;
    const known = inVain.get(name);
    if (known !== undefined && known.version === version && known.wanted === JSON.stringify(object)) return 0;
    try {
      const kept = stored && replicasToKeep(object, stored);
      if (kept !== undefined) await cluster.apply(informer.type, kept, { fieldManager: replicasManager, force: true });
      const made = await cluster.apply(informer.type, object, { fieldManager, force: true });
      informer.observe(made);
      if (version !== undefined && made.metadata.resourceVersion === version)
        inVain.set(name, { version, wanted: JSON.stringify(object) });
      else inVain.delete(name);
    } catch (error) {
      throw new ChildError(object, error);
    }
    return 1;
  };
  return {
    informers: [...informers.values()],
    kinds,
    get: (kind, key) => informerOf(kind)?.get(key),
    typeOf: (kind) => informerOf(kind)?.type as ResourceType | undefined,
    ownedBy: (uid) => [...informers.values()].flatMap((informer) => informer.byIndex(ownerIndex, uid)),
    apply: async (wanted) => {
      let calls = 0;
      for (const object of wanted) calls += await applyOne(object);
      return calls;
    },
    delete: async (objects) => {
      for (const object of objects) {
        const informer = informerOf(object.kind);
        const { uid, deletionTimestamp }: ObjectMeta = object.metadata;
        if (informer === undefined || deletionTimestamp !== undefined) continue;
        inVain.delete(`${object.kind} ${keyText(keyOf(object))}`);
        const precondition = uid === undefined ? {} : { uid };
        await cluster.delete(informer.type, keyOf(object), { ...precondition, propagationPolicy: "Background" });
      }
    },
  };
}
