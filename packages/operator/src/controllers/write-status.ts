// SPDX-License-Identifier: Apache-2.0
// The only way in which our controllers write a status: what changed, and only against the version that was read.
import { type KubeObject, keyOf } from "@serval/api";
import type { Cluster, Informer } from "@serval/kube";
import { fieldManager } from "../children/children.ts";
import { mergePatchBetween } from "./inference-service/status-patch.ts";

interface WithStatus extends KubeObject {
  readonly status?: object | undefined;
}

/** @returns whether it was written. @throws ApiError, a conflict when someone else wrote first. */
export async function writeStatus<T extends WithStatus>(
  { cluster, informer }: { readonly cluster: Cluster; readonly informer: Informer<T> },
  object: T,
  status: object,
): Promise<boolean> {
  const patch = mergePatchBetween(object.status ?? {}, status);
  if (patch === undefined) return false;
  const body = { metadata: { resourceVersion: object.metadata.resourceVersion }, status: patch };
  const options = { subresource: "status", fieldManager } as const;
  informer.observe(await cluster.patch(informer.type, keyOf(object), { type: "merge", body }, options));
  return true;
}
