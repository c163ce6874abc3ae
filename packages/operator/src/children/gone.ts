// SPDX-License-Identifier: Apache-2.0
// Whether an owner is gone though the cache still has it.
import { type KubeObject, keyOf, type ResourceType } from "@serval/api";
import type { Cluster } from "@serval/kube";
import type { ChildKind, Children } from "./children.ts";

export interface Owner {
  readonly type: ResourceType;
  readonly object: KubeObject;
  /** It had its children once, as its status shows. */
  readonly hadChildren: boolean;
}

/**
 * Owners have no finalizer, so one may be gone before the cache knows: making its children again would be a quarrel with
 * the garbage collector. Asked only where children of an owner are missing that had them. @throws ApiError.
 */
export async function isGoneUnseen(
  { cluster, children }: { readonly cluster: Cluster; readonly children: Pick<Children, "get" | "kinds"> },
  { type, object, hadChildren }: Owner,
  wanted: readonly KubeObject[],
): Promise<boolean> {
  if (!hadChildren) return false;
  const isThere = (child: KubeObject): boolean =>
    !children.kinds.includes(child.kind as ChildKind) ||
    children.get(child.kind as ChildKind, keyOf(child)) !== undefined;
  const isComplete = wanted.every(isThere);
  if (isComplete) return false;
  const stored = await cluster.get(type, keyOf(object));
  return stored?.metadata.uid !== object.metadata.uid;
}
