// SPDX-License-Identifier: Apache-2.0
// One step of a field path, in the spelling of fieldsV1: `f:name`, `k:{"name":"x"}`, `v:"x"`, `i:3`. The text is the
// identity: equal elements have equal texts, so that field sets are plain sets of strings.
// @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/ (FieldsV1)
import { isMap, type JsonMap } from "../schema/json.ts";
import { compareText, goJson, goNumber, goQuote } from "./go-format.ts";

export type PathElement = string;

export const fieldElement = (name: string): PathElement => `f:${name}`;
export const valueElement = (value: unknown): PathElement => `v:${goJson(value)}`;
export const keyElement = (key: JsonMap): PathElement => `k:${goJson(key)}`;

/** Keys and values that need no re-encoding: what Kubernetes' own encoder writes for plain strings and small numbers. */
const plain = /^(?:k:\{"[A-Za-z]+":(?:"[^"\\<>&\u2028\u2029]*"|\d{1,15})\}|v:(?:"[^"\\<>&\u2028\u2029]*"|\d{1,15}))$/;

/** Reads an element; undefined for kinds that a future version may add. @throws SyntaxError on malformed text. */
export function parsePathElement(text: string): PathElement | undefined {
  const kind = text.slice(0, 2);
  if (kind === "f:" || plain.test(text)) return text;
  if (kind === "v:") return valueElement(JSON.parse(text.slice(2)));
  if (kind === "i:") {
    if (!/^[+-]?\d+$/.test(text.slice(2))) throw new SyntaxError(`"${text}" is not a list index`);
    return `i:${Number(text.slice(2))}`;
  }
  if (kind === "k:") {
    const key: unknown = JSON.parse(text.slice(2));
    if (!isMap(key)) throw new SyntaxError(`"${text}" is not a list-map key`);
    return keyElement(key);
  }
  if (text.length < 2 || text[1] !== ":") throw new SyntaxError(`"${text}" is not a field path element`);
  return undefined;
}

/** The name of a field element; undefined for the other kinds. */
export const fieldNameOf = (element: PathElement): string | undefined =>
  element.startsWith("f:") ? element.slice(2) : undefined;

export const isKeyElement = (element: PathElement): boolean => element.startsWith("k:");

function valueText(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "string") return goQuote(value);
  if (typeof value === "number") return goNumber(value);
  if (Array.isArray(value)) return `[${value.map(valueText).join(",")}]`;
  if (isMap(value))
    return Object.keys(value)
      .map((key) => `${key}=${valueText(value[key])}`)
      .join("");
  return String(value);
}

/** As conflicts show it: `.spec`, `[name="x"]`, `[="x"]`, `[3]`. */
export function elementText(element: PathElement): string {
  const rest = element.slice(2);
  if (element.startsWith("f:")) return `.${rest}`;
  if (element.startsWith("i:")) return `[${rest}]`;
  if (element.startsWith("?:")) return "{{invalid path element}}";
  const value: unknown = JSON.parse(rest);
  if (element.startsWith("v:") || !isMap(value)) return `[=${valueText(value)}]`;
  return `[${Object.keys(value)
    .map((key) => `${key}=${valueText(value[key])}`)
    .join(",")}]`;
}

const rank = (value: unknown): number => {
  if (typeof value === "number") return 0;
  if (typeof value === "string") return 1;
  if (typeof value === "boolean") return 2;
  if (Array.isArray(value)) return 3;
  return value === null ? 5 : 4;
};

function compareValues(a: unknown, b: unknown): number {
  const byKind = rank(a) - rank(b);
  if (byKind !== 0) return byKind;
  if (typeof a === "string") return compareText(a, b as string);
  if (typeof a === "number" || typeof a === "boolean") return Number(a) - Number(b);
  if (isMap(a) && isMap(b)) return compareMaps(a, b);
  return compareText(goJson(a), goJson(b));
}

function compareMaps(a: JsonMap, b: JsonMap): number {
  const left = Object.keys(a);
  const right = Object.keys(b);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = compareText(left[i]!, right[i]!) || compareValues(a[left[i]!], b[right[i]!]);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** Keys of one plain string: the order of their texts is the order of their contents. */
const simpleKey = /^k:\{"\w+":"[\w./-]*"\}$/;
const surrogate = /[\ud800-\udfff]/;

const kinds = "fkvi?";

/** structured-merge-diff's order: fields, keys, values, indexes; each by its content. */
export function compareElements(a: PathElement, b: PathElement): number {
  if (a[0] !== b[0]) return kinds.indexOf(a[0]!) - kinds.indexOf(b[0]!);
  if (a[0] === "f" || a === b) return compareText(a, b);
  if (simpleKey.test(a) && simpleKey.test(b)) return a < b ? -1 : 1;
  return compareValues(JSON.parse(a.slice(2)), JSON.parse(b.slice(2)));
}

/** Sorts in place, in the order of `compareElements`. */
export function sortElements(elements: PathElement[]): PathElement[] {
  // For most sets that is the order of the texts, which sorts natively.
  const isFields = elements.every((element) => element.startsWith("f:") && !surrogate.test(element));
  if (isFields || elements.every((element) => simpleKey.test(element))) return elements.sort();
  return elements.sort(compareElements);
}
