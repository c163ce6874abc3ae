// SPDX-License-Identifier: Apache-2.0
// Kubernetes quantities as numbers. Parsed at the edge; objects keep the text that the user wrote.

const suffixes: Readonly<Record<string, number>> = {
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

/** `100m` is 0.1, `2Gi` is 2^31, `1e3` is 1000. NaN for what is no quantity. */
export function quantityValue(quantity: string | number): number {
  if (typeof quantity === "number") return quantity;
  const parts = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)$/.exec(quantity.trim());
  const factor = suffixes[parts?.[2] ?? "?"];
  return parts === null || factor === undefined ? Number.NaN : Number(parts[1]) * factor;
}
