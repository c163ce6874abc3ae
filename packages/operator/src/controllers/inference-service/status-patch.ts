// SPDX-License-Identifier: Apache-2.0
// The smallest merge patch from one status to another: one write, only what changed. Pure.

type Json = unknown;
const isMap = (value: Json): value is Record<string, Json> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Equal as JSON: absent and undefined are the same, the order of keys does not matter. */
export function sameJson(a: Json, b: Json): boolean {
  if (isMap(a) && isMap(b))
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => sameJson(a[key], b[key]));
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => sameJson(item, b[index]));
  return a === b;
}

/** RFC 7396 patch from `before` to `after`; undefined: nothing changed. */
export function mergePatchBetween(before: Json, after: Json): Json {
  if (sameJson(before, after)) return undefined;
  if (!isMap(before) || !isMap(after)) return after;
  const patch: Record<string, Json> = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (sameJson(before[key], after[key])) continue;
    patch[key] = after[key] === undefined ? null : mergePatchBetween(before[key], after[key]);
  }
  return patch;
}
