// SPDX-License-Identifier: Apache-2.0
// Namespace deletion: everything inside goes first, then the namespace's own finalizer.
import { type Key, keyOf, type ResourceType, resourcePath, resources } from "@serval/api";
import { expectSuccess, isNotFound, type ReconcileResult } from "@serval/kube";
import type { ControllerContext } from "./context.ts";
import { isDeleting } from "./ownership.ts";

const recheckMs = 200;

/** @param types every namespaced kind that is served. */
export async function reconcileNamespace(
  context: ControllerContext,
  key: Key,
  types: readonly ResourceType[],
): Promise<ReconcileResult> {
  const { cluster, informers } = context;
  const namespace = informers.namespaces.get(key);
  if (namespace === undefined || !isDeleting(namespace)) return undefined;
  let left = 0;
  for (const type of types) {
    for (const object of (await cluster.list(type, { namespace: key.name })).items) {
      left += 1;
      if (!isDeleting(object)) await cluster.delete(type, keyOf(object), { propagationPolicy: "Background" });
    }
  }
  if (left > 0) return { requeueAfterMs: recheckMs };
  const finalizers = (namespace.spec?.finalizers ?? []).filter((finalizer) => finalizer !== "kubernetes");
  const body = { ...namespace, spec: { ...namespace.spec, finalizers } };
  try {
    expectSuccess(
      await cluster.transport.send({
        method: "PUT",
        path: `${resourcePath(resources.namespaces, key)}/finalize`,
        body,
      }),
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return undefined;
}
