// SPDX-License-Identifier: Apache-2.0
// JSON values that may be hostile: own keys only (`__proto__` is an ordinary key), equality, and a bound on nesting.

/** Deeper documents are refused before anything recurses into them; Go's decoder stops at 10,000 levels. */
export const maxDepth = 500;

export type JsonMap = { [key: string]: unknown };

export const isMap = (value: unknown): value is JsonMap =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Sets an own key, also `__proto__`, which a plain assignment would turn into a change of prototype. */
export function setKey(target: JsonMap, key: string, value: unknown): void {
  if (key !== "__proto__") target[key] = value;
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** The own value of a key; undefined where it is absent or only inherited. */
export function ownValue<T>(map: { readonly [key: string]: T } | undefined, key: string): T | undefined {
  return map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;
}

/** A shallow copy that keeps an own `__proto__` key as one. */
export function copyMap(map: JsonMap): JsonMap {
  const copy: JsonMap = { ...map };
  return copy;
}

export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => jsonEqual(item, b[index]));
  }
  if (!isMap(a) || !isMap(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && jsonEqual(a[key], b[key]));
}

/**
 * Without null members: null means "not given" in new parts of a patch and to Kubernetes' typed kinds. Items of lists
 * stay. What has no null in it is shared, not copied.
 */
export function withoutNulls<T>(value: T): T {
  if (Array.isArray(value)) {
    const items = value.map(withoutNulls);
    return items.some((item, index) => item !== value[index]) ? (items as T) : value;
  }
  if (!isMap(value)) return value;
  const rest: JsonMap = {};
  let isSame = true;
  for (const key in value) {
    const member = value[key];
    const kept = member === null ? undefined : withoutNulls(member);
    if (member !== null) setKey(rest, key, kept);
    isSame &&= kept === member;
  }
  return isSame ? value : (rest as T);
}

/** Whether a value nests at most `limit` levels of maps and lists. */
export function nestsAtMost(value: unknown, limit: number = maxDepth): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (limit === 0) return false;
  if (Array.isArray(value)) return value.every((item) => nestsAtMost(item, limit - 1));
  for (const key in value) if (!nestsAtMost((value as JsonMap)[key], limit - 1)) return false;
  return true;
}
