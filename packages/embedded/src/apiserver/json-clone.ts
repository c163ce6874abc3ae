// SPDX-License-Identifier: Apache-2.0
// A private copy of a JSON value, as if it had gone over the wire: undefined fields are gone, dates are text.

/** Deeper than any Kubernetes object; stops hostile nesting before the stack does. */
const maxDepth = 500;

/** @throws TypeError for what JSON cannot hold. */
export function jsonClone<T>(value: T, depth = 0): T {
  if (value === null || typeof value !== "object") {
    if (typeof value === "bigint" || typeof value === "function" || typeof value === "symbol") {
      throw new TypeError(`a ${typeof value} is not a JSON value`);
    }
    return value;
  }
  if (depth > maxDepth) throw new TypeError(`nested more than ${maxDepth} levels deep`);
  if (Array.isArray(value)) return value.map((item) => jsonClone(item ?? null, depth + 1)) as T;
  if (value instanceof Date) return value.toISOString() as T;
  const copy: Record<string, unknown> = {};
  for (const [key, child] of Object.entries(value)) {
    // An own `__proto__` (from JSON.parse) assigned plainly would set the prototype; no Kubernetes field has that name.
    if (child !== undefined && key !== "__proto__") copy[key] = jsonClone(child, depth + 1);
  }
  return copy as T;
}
