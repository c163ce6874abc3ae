// SPDX-License-Identifier: Apache-2.0
// What users, kubelets and a gateway do during the bench: create and delete services, make pods ready, accept routes.
import {
  type HTTPRoute,
  type InferenceService,
  inferenceServices,
  type KubeObject,
  keyOf,
  type Pod,
  type ResourceType,
  resources,
} from "@serval/api";
import { type Cluster, createInformer, isConflict, isNotFound } from "@serval/kube";
import { benchNamespace as namespace } from "./control-plane.ts";

const writers = 16;
const at = "2026-01-01T00:00:00Z";
/** Longer than any operator needs for any number of services that the bench is meant for. */
const deadlineMs = 3_600_000;

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: writers }, worker));
}

export const serviceNames = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `model-${String(index).padStart(5, "0")}`);

const service = (name: string): InferenceService =>
  ({
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: { name, namespace, annotations: { "serving.kserve.io/deploymentMode": "Standard" } },
    spec: { predictor: { model: { modelFormat: { name: "sklearn" }, storageUri: `s3://models/${name}` } } },
  }) as InferenceService;

/** @returns when each create was sent, by name. */
export async function createServices(cluster: Cluster, names: readonly string[]): Promise<Map<string, number>> {
  const sentAt = new Map<string, number>();
  await inParallel(names, (name) => {
    sentAt.set(name, performance.now());
    return cluster.create(inferenceServices, service(name));
  });
  return sentAt;
}

export const deleteServices = (cluster: Cluster, names: readonly string[]): Promise<void> =>
  inParallel(names, (name) => cluster.delete(inferenceServices, { namespace, name }));

export interface Watched {
  /** When each object was first seen and passed, by name. */
  readonly passedAt: ReadonlyMap<string, number>;
  /** Resolves when as many objects as wanted have passed. */
  passed(count: number): Promise<void>;
  /** Resolves when none is there any more. */
  gone(): Promise<void>;
}

export interface WatchOptions<T> {
  readonly signal: AbortSignal;
  readonly passes?: (object: T) => boolean;
}

/** Follows the objects of the bench's namespace. */
export function watched<T extends KubeObject>(
  cluster: Cluster,
  type: ResourceType<T>,
  { signal, passes = () => true }: WatchOptions<T>,
): Watched {
  const passedAt = new Map<string, number>();
  const present = new Set<string>();
  const waiting = new Set<() => void>();
  const informer = createInformer(cluster, type, { namespace, signal });
  informer.onChange(({ type: change, object }) => {
    const { name = "" } = object.metadata;
    if (change === "deleted") present.delete(name);
    else {
      present.add(name);
      if (!passedAt.has(name) && passes(object)) passedAt.set(name, performance.now());
    }
    for (const look of waiting) look();
  });
  const when = (test: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        waiting.delete(look);
        reject(
          new Error(`${type.plural}: ${passedAt.size} passed, ${present.size} there after ${deadlineMs / 1000} s`),
        );
      }, deadlineMs);
      const look = (): void => {
        if (!test()) return;
        clearTimeout(late);
        waiting.delete(look);
        resolve();
      };
      signal.addEventListener("abort", () => clearTimeout(late), { once: true });
      waiting.add(look);
      look();
    });
  return {
    passedAt,
    passed: (count) => when(() => passedAt.size >= count),
    gone: async () => {
      await informer.synced;
      await when(() => present.size === 0);
    },
  };
}

export const isReady = ({ status }: InferenceService): boolean =>
  status?.conditions?.some(({ type, status: truth }) => type === "Ready" && truth === "True") === true;

export async function makePodsReady(cluster: Cluster): Promise<void> {
  const { items } = await cluster.list(resources.pods, { namespace });
  const status: Pod["status"] = {
    phase: "Running",
    conditions: ["Ready", "ContainersReady"].map((type) => ({ type, status: "True", lastTransitionTime: at })),
  };
  await inParallel(items, (pod) =>
    cluster.patch(resources.pods, keyOf(pod), { type: "merge", body: { status } }, { subresource: "status" }),
  );
}

/** Accepts every route, as a gateway does a moment after it is made. */
export function acceptRoutes(cluster: Cluster, signal: AbortSignal): void {
  const routes = createInformer(cluster, resources.httpRoutes, { namespace, signal });
  routes.onChange(({ type, object }) => {
    if (type === "deleted" || (object.status?.parents?.length ?? 0) > 0) return;
    const conditions = ["Accepted", "ResolvedRefs"].map((name) => ({
      type: name,
      status: "True",
      reason: name,
      message: "",
      lastTransitionTime: at,
    }));
    const [parentRef] = object.spec.parentRefs ?? [];
    const status = { parents: [{ parentRef, controllerName: "bench/gateway", conditions }] } as HTTPRoute["status"];
    cluster
      .patch(resources.httpRoutes, keyOf(object), { type: "merge", body: { status } }, { subresource: "status" })
      .catch((error: unknown) => {
        if (!isConflict(error) && !isNotFound(error) && !signal.aborted) throw error;
      });
  });
}
