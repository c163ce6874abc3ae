// SPDX-License-Identifier: Apache-2.0
// What users, kubelets and a gateway do during the bench: create services, make pods ready, accept routes.
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
import { type Cluster, createInformer, isConflict } from "@serval/kube";
import { benchNamespace as namespace } from "./control-plane.ts";

const writers = 16;
const at = "2026-01-01T00:00:00Z";

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: writers }, worker));
}

export const createServices = (cluster: Cluster, count: number): Promise<void> =>
  inParallel(
    Array.from({ length: count }, (_, index) => `model-${String(index).padStart(4, "0")}`),
    (name) =>
      cluster.create(inferenceServices, {
        apiVersion: "serving.kserve.io/v1beta1",
        kind: "InferenceService",
        metadata: { name, namespace, annotations: { "serving.kserve.io/deploymentMode": "Standard" } },
        spec: { predictor: { model: { modelFormat: { name: "sklearn" }, storageUri: `s3://models/${name}` } } },
      } as InferenceService),
  );

/** Resolves when as many objects as wanted pass. */
export async function untilCount<T extends KubeObject>(
  cluster: Cluster,
  type: ResourceType<T>,
  options: { count: number; passes?: (object: T) => boolean; timeoutMs?: number },
): Promise<void> {
  const { count, passes = () => true, timeoutMs = 600_000 } = options;
  const stop = new AbortController();
  const informer = createInformer(cluster, type, { namespace, signal: stop.signal });
  const passed = new Set<string>();
  try {
    await new Promise<void>((resolve, reject) => {
      setTimeout(
        () => reject(new Error(`${type.plural}: ${passed.size} of ${count} after ${timeoutMs / 1000} s`)),
        timeoutMs,
      ).unref();
      informer.onChange(({ type: change, object }) => {
        if (change !== "deleted" && passes(object)) passed.add(object.metadata.name ?? "");
        if (passed.size >= count) resolve();
      });
    });
  } finally {
    stop.abort();
  }
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
    const body = { status };
    cluster
      .patch(resources.httpRoutes, keyOf(object), { type: "merge", body }, { subresource: "status" })
      .catch((error: unknown) => {
        if (!isConflict(error)) throw error;
      });
  });
}
