// SPDX-License-Identifier: Apache-2.0
// Traffic shares: which backend of a rule gets this request. Pure.
import type { Backend } from "./route-table.ts";

/**
 * Chooses by weight.
 *
 * @param roll uniform in [0, 1); injected so that tests are exact.
 * @returns undefined when every weight is 0 or there is no backend.
 * @see Gateway API HTTPBackendRef.weight
 */
export function chooseBackend(backends: readonly Backend[], roll: number): Backend | undefined {
  if (backends.length === 1) return (backends[0] as Backend).weight > 0 ? backends[0] : undefined;
  const total = backends.reduce((sum, { weight }) => sum + weight, 0);
  let left = roll * total;
  for (const backend of backends) {
    if (backend.weight === 0) continue;
    left -= backend.weight;
    if (left < 0) return backend;
  }
  return undefined;
}
