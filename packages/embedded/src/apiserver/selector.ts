// SPDX-License-Identifier: Apache-2.0
// Label and field selectors: parsed once per request, then plain predicates.
// Source: k8s.io/apimachinery/pkg/labels/selector.go, pkg/fields/selector.go
import type { AnyObject, LabelSelector } from "@serval/api";
import { badRequest } from "./status.ts";

type Labels = Readonly<Record<string, string>>;
export type LabelMatch = (labels: Labels) => boolean;
export type ObjectMatch = (object: AnyObject) => boolean;

const keyPattern = /^(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const valuePattern = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;

const unparsable = (selector: string, why: string): Error =>
  badRequest(`unable to parse requirement: ${why} in selector ${JSON.stringify(selector)}`);

/** Splits at commas outside parentheses. */
function requirements(selector: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < selector.length; at++) {
    const char = selector[at];
    if (char === "(") depth++;
    else if (char === ")") depth--;
    else if (char === "," && depth === 0) {
      parts.push(selector.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(selector.slice(from));
  return parts.map((part) => part.trim());
}

function setRequirement(key: string, negated: boolean, list: string): LabelMatch {
  const values = new Set(list.split(",").map((value) => value.trim()));
  return (labels) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    return negated ? value === undefined || !values.has(value) : value !== undefined && values.has(value);
  };
}

const operators: Record<string, (value: string | undefined, wanted: string) => boolean> = {
  "=": (value, wanted) => value === wanted,
  "==": (value, wanted) => value === wanted,
  "!=": (value, wanted) => value !== wanted,
  ">": (value, wanted) => value !== undefined && Number(value) > Number(wanted),
  "<": (value, wanted) => value !== undefined && Number(value) < Number(wanted),
};

function requirement(part: string, selector: string): LabelMatch {
  const checkedKey = (key: string): string => {
    if (!keyPattern.test(key)) throw unparsable(selector, `key ${JSON.stringify(key)} is not a valid label key`);
    return key;
  };
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(part);
  if (set !== null) return setRequirement(checkedKey(set[1] as string), set[2] === "notin", set[3] as string);
  const compare = /^([^\s=!<>]+)\s*(==|!=|=|<|>)\s*(\S*)$/.exec(part);
  if (compare !== null) {
    const [, rawKey, operator, wanted] = compare as unknown as [string, string, string, string];
    const key = checkedKey(rawKey);
    if (!valuePattern.test(wanted)) throw unparsable(selector, `value ${JSON.stringify(wanted)} is not a label value`);
    const holds = operators[operator] as (value: string | undefined, wanted: string) => boolean;
    return (labels) => holds(Object.hasOwn(labels, key) ? labels[key] : undefined, wanted);
  }
  const exists = /^(!?)\s*(\S+)$/.exec(part);
  if (exists === null) throw unparsable(selector, `found ${JSON.stringify(part)}, expected a requirement`);
  const key = checkedKey(exists[2] as string);
  const negated = exists[1] === "!";
  return (labels) => Object.hasOwn(labels, key) !== negated;
}

/** `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>3`. Empty: everything. @throws ApiError 400. */
export function parseLabelSelector(selector: string | undefined): LabelMatch | undefined {
  if (selector === undefined || selector.trim() === "") return undefined;
  const matches = requirements(selector).map((part) => requirement(part, selector));
  return (labels) => matches.every((match) => match(labels));
}

/** Value of a selectable field; fields that a kind does not list are refused. */
export type FieldReaders = Readonly<Record<string, (object: AnyObject) => string>>;

/** `a=b,c!=d`, with backslash escapes. @throws ApiError 400 for an unknown field. */
export function parseFieldSelector(selector: string | undefined, fields: FieldReaders): ObjectMatch | undefined {
  if (selector === undefined || selector.trim() === "") return undefined;
  const matches = selector.split(/(?<!\\),/).map((part): ObjectMatch => {
    const parsed = /^([^=!]+)(==|!=|=)(.*)$/s.exec(part.trim());
    if (parsed === null)
      throw badRequest(`invalid selector: ${JSON.stringify(selector)}; can't understand ${JSON.stringify(part)}`);
    const [, name, operator, raw] = parsed as unknown as [string, string, string, string];
    const read = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (read === undefined) throw badRequest(`field label not supported: ${name}`);
    const wanted = raw.replace(/\\(.)/g, "$1");
    return (object) => (read(object) === wanted) === (operator !== "!=");
  });
  return (object) => matches.every((match) => match(object));
}

/** Both selectors as one predicate; undefined when everything matches. */
export function parseSelectors(
  query: { labelSelector?: string | undefined; fieldSelector?: string | undefined },
  fields: FieldReaders,
): ObjectMatch | undefined {
  const label = parseLabelSelector(query.labelSelector);
  const field = parseFieldSelector(query.fieldSelector, fields);
  if (label === undefined) return field;
  const labelMatch: ObjectMatch = (object) => label(object.metadata.labels ?? {});
  return field === undefined ? labelMatch : (object) => labelMatch(object) && field(object);
}

/** A label selector as text: of a Scale, and in columns. */
export function selectorText(selector: unknown): string | undefined {
  if (selector === undefined || typeof selector === "string") return selector as string | undefined;
  const { matchLabels = {}, matchExpressions = [] } = selector as LabelSelector;
  const equal = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const others = matchExpressions.map(({ key, operator, values = [] }) => {
    if (operator === "Exists") return key;
    if (operator === "DoesNotExist") return `!${key}`;
    return `${key} ${operator.toLowerCase()} (${[...(values ?? [])].sort().join(",")})`;
  });
  return [...equal.sort(), ...others].join(",");
}
