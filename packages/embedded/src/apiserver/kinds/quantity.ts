// SPDX-License-Identifier: Apache-2.0
// Kubernetes quantities, as far as comparing them needs. Exact: values are fractions of whole numbers.
// Source: k8s.io/apimachinery/pkg/api/resource/quantity.go

const pattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?\d+))?$/;
const decimal: Record<string, number> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const binary: Record<string, bigint> = {
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};
/** Nobody writes larger exponents, and 10^huge would take all memory. */
const exponentLimit = 30;

/** In units of 10^-40; undefined when it is not a quantity. */
function scaled(quantity: unknown): bigint | undefined {
  if (typeof quantity !== "string" && typeof quantity !== "number") return undefined;
  const match = pattern.exec(String(quantity));
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", suffix, exponentText] = match;
  if (whole === "" && fraction === "") return undefined;
  if (fraction.length > 9 || whole.length > 30) return undefined;
  const exponent = exponentText === undefined ? (decimal[suffix ?? ""] ?? 0) : Number(exponentText);
  if (Math.abs(exponent) > exponentLimit) return undefined;
  const digits = BigInt(`${whole}${fraction}`) * (binary[suffix ?? ""] ?? 1n);
  const value = digits * 10n ** BigInt(40 + exponent - fraction.length);
  return sign === "-" ? -value : value;
}

export const isQuantity = (value: unknown): value is string | number => scaled(value) !== undefined;

/** Negative: a < b. @param a a valid quantity @param b a valid quantity */
export function compareQuantities(a: unknown, b: unknown): number {
  const left = scaled(a) ?? 0n;
  const right = scaled(b) ?? 0n;
  return left < right ? -1 : left > right ? 1 : 0;
}
