// SPDX-License-Identifier: Apache-2.0
// One match of an HTTPRoute rule as a function, with its rank. Pure. Precedence as the Gateway API specifies it
// (HTTPRouteRule.matches): exact path, longest prefix, method, most headers, most query parameters.
import type { HTTPRoute } from "@serval/api";

export type RouteRule = NonNullable<NonNullable<HTTPRoute["spec"]["rules"]>[number]>;
export type RouteMatch = NonNullable<NonNullable<RouteRule["matches"]>[number]>;

export interface RequestHead {
  /** Without port, lower case. */
  readonly host: string;
  readonly path: string;
  /** With its question mark; empty: none. */
  readonly query: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface Matcher {
  readonly test: (head: RequestHead) => boolean;
  /** Higher wins, compared element by element. */
  readonly rank: readonly number[];
}

interface PathMatcher {
  readonly test: (path: string) => boolean;
  readonly rank: readonly [kind: number, length: number];
}

/** Whole-string match: the Gateway API leaves it to implementations, and Envoy, KServe's own, matches whole paths. */
const wholePattern = (value: string): RegExp => new RegExp(`^(?:${value})$`);

function pathMatcher(path: RouteMatch["path"]): PathMatcher {
  const value = path?.value ?? "/";
  const type = path?.type ?? "PathPrefix";
  if (type === "Exact") return { test: (actual) => actual === value, rank: [3, value.length] };
  if (type === "RegularExpression") {
    const pattern = wholePattern(value);
    return { test: (actual) => pattern.test(actual), rank: [1, value.length] };
  }
  // A final slash of a prefix says nothing: "/a/" is "/a".
  const prefix = value.replace(/\/+$/, "");
  return {
    test: (actual) => prefix === "" || actual === prefix || actual.startsWith(`${prefix}/`),
    rank: [2, prefix.length],
  };
}

const valueMatcher = (type: string | undefined, value: string): ((actual: string) => boolean) => {
  if (type !== "RegularExpression") return (actual) => actual === value;
  const pattern = wholePattern(value);
  return (actual) => pattern.test(actual);
};

interface Named {
  readonly name: string;
  readonly type?: string | undefined;
  readonly value: string;
}

/** Of entries with one name only the first counts, as the specification says. */
function namedMatchers(entries: readonly Named[] | undefined, nameOf: (name: string) => string) {
  const byName = new Map<string, (actual: string) => boolean>();
  for (const { name, type, value } of entries ?? [])
    if (!byName.has(nameOf(name))) byName.set(nameOf(name), valueMatcher(type, value));
  return [...byName];
}

/** @throws SyntaxError for a bad regular expression. */
export function compileMatch(match: RouteMatch): Matcher {
  const path = pathMatcher(match.path);
  const headers = namedMatchers(match.headers, (name) => name.toLowerCase());
  const queries = namedMatchers(match.queryParams, (name) => name);
  const test = (head: RequestHead): boolean => {
    if (!path.test(head.path)) return false;
    if (match.method !== undefined && match.method !== head.method) return false;
    for (const [name, isWanted] of headers) {
      const actual = head.headers[name];
      if (actual === undefined || !isWanted(typeof actual === "string" ? actual : actual.join(","))) return false;
    }
    if (queries.length === 0) return true;
    const parameters = new URLSearchParams(head.query);
    return queries.every(([name, isWanted]) => {
      const actual = parameters.get(name);
      return actual !== null && isWanted(actual);
    });
  };
  return { test, rank: [...path.rank, match.method === undefined ? 0 : 1, headers.length, queries.length] };
}
