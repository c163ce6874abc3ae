// SPDX-License-Identifier: Apache-2.0
// RFC 7396: JSON merge patch.
import { copyMap, isMap, type JsonMap, setKey } from "../schema/json.ts";
import type { MergePatch } from "./contract.ts";
import { badRequest, refuseDeepNesting } from "./patch-error.ts";

/** @throws PatchError where the patch of an object is no object, as kube-apiserver does. */
export const mergePatch: MergePatch = (document, patch) => {
  refuseDeepNesting("the merge patch", patch);
  if (!isMap(patch)) throw badRequest("Invalid JSON Patch");
  return merge(document, patch);
};

/** RFC 7396 section 2: nulls delete, objects merge, everything else replaces. */
function merge(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const result: JsonMap = isMap(target) ? copyMap(target) : {};
  for (const key in patch) {
    const value = patch[key];
    if (value === null) delete result[key];
    else setKey(result, key, merge(Object.hasOwn(result, key) ? result[key] : undefined, value));
  }
  return result;
}
