// SPDX-License-Identifier: Apache-2.0
// RFC 7396: JSON merge patch, as kube-apiserver's library reads it (gopkg.in/evanphx/json-patch.v4).
import { copyMap, isMap, ownValue, setKey, withoutNulls } from "../schema/json.ts";
import type { MergePatch } from "./contract.ts";
import { badRequest, refuseDeepNesting } from "./patch-error.ts";

/** @throws PatchError where the patch of an object is no object, as kube-apiserver does. */
export const mergePatch: MergePatch = (document, patch) => {
  refuseDeepNesting("the merge patch", patch);
  if (!isMap(patch)) throw badRequest("Invalid JSON Patch");
  return merge(document, patch);
};

/**
 * RFC 7396 section 2: nulls delete, objects merge, everything else replaces. kube-apiserver's library goes further: new
 * lists lose the null fields of the objects in them.
 */
function merge(target: unknown, patch: unknown): unknown {
  if (!isMap(target)) return withoutNulls(patch);
  if (!isMap(patch)) return patch;
  const result = copyMap(target);
  for (const key in patch) {
    const value = patch[key];
    if (value === null) delete result[key];
    else setKey(result, key, merge(ownValue(result, key), value));
  }
  return result;
}
