// SPDX-License-Identifier: Apache-2.0
// Patches: JSON patch, merge patch, strategic merge, server-side apply with managedFields. Pure functions over JSON that
// never change their arguments; results share unchanged parts with them, so treat results as immutable, too.
// Proven against Kubernetes' own code by test/oracle. Texts and codes of refusals: patch-error.ts.
import type { AnyObject } from "@serval/api";
import type { TypeSchema } from "../schema/schema.ts";
import { atomOf } from "./apply/atom.ts";
import { ownedBy } from "./apply/own.ts";
import type { FieldSet } from "./field-set.ts";

export { serverSideApply } from "./apply/server-side-apply.ts";
export { keepTimesIfUnchanged, trackUpdate } from "./apply/track-update.ts";
export type * from "./contract.ts";
export {
  decodeFieldSet,
  difference,
  encodeFieldSet,
  type FieldPath,
  type FieldSet,
  intersection,
  pathsOf,
  recursiveDifference,
  setOf,
  union,
} from "./field-set.ts";
export { jsonPatch } from "./json-patch.ts";
export { mergePatch } from "./merge-patch.ts";
export { PatchError } from "./patch-error.ts";
export { elementText, fieldElement, keyElement, type PathElement, valueElement } from "./path-element.ts";
export { strategicMergePatch } from "./strategic-merge.ts";

/** Every leaf and list item of an object; the object must have the shape of its schema. */
export const fieldSetOf = (object: AnyObject, type: TypeSchema): FieldSet => ownedBy(object, atomOf(type));
