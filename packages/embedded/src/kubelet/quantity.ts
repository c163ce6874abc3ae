// SPDX-License-Identifier: Apache-2.0
// Kubernetes quantities as numbers, parsed once at the edge.

const multipliers: Readonly<Record<string, number>> = {
  "": 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** `500m` -> 0.5, `2Gi` -> 2147483648, `1e3` -> 1000. NaN for anything that is not a quantity. */
export function parseQuantity(text: string | number): number {
  if (typeof text === "number") return text;
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/.exec(text.trim());
  if (match === null) return Number.NaN;
  return Number(match[1]) * (multipliers[match[2] ?? ""] as number);
}
