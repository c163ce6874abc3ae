// SPDX-License-Identifier: Apache-2.0
// HTTPRoutes as an immutable table: which rule answers for a host and a path. Compiled once per change, matched per
// request. Pure. Precedence as the Gateway API specifies it (HTTPRouteRule.matches).
import type { HTTPRoute } from "@serval/api";
import { compileMatch, type Matcher, type RequestHead, type RouteMatch, type RouteRule } from "./route-match.ts";

export type { RequestHead } from "./route-match.ts";

export interface Backend {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
  /** Relative to the other backends of the rule; 0 never gets a request. */
  readonly weight: number;
  /** Why it cannot be used; its share of the requests gets 500, as the specification demands. */
  readonly problem?: string;
}

export interface HeaderChange {
  readonly set: readonly (readonly [string, string])[];
  readonly add: readonly (readonly [string, string])[];
  readonly remove: readonly string[];
}

export interface CompiledRule {
  readonly route: { readonly namespace: string; readonly name: string };
  readonly backends: readonly Backend[];
  /** Whole request, response included; undefined: no limit. */
  readonly timeoutMs: number | undefined;
  readonly requestHeaders: HeaderChange | undefined;
  /** Replaces the path (`URLRewrite`); undefined: as it came. */
  readonly rewrite: ((path: string) => string) | undefined;
  /** Replaces Host (`URLRewrite`); undefined: as it came. */
  readonly newHost: string | undefined;
  /** A filter that this gateway does not know makes the rule answer 500, as the specification demands. */
  readonly unsupported: string | undefined;
}

interface CompiledMatch extends Matcher {
  readonly rule: CompiledRule;
}

export interface RouteTable {
  /** The rule for a request by its Host header. */
  match(head: RequestHead): CompiledRule | undefined;
  /** The rule of the named route whatever the host: for `/serving/<namespace>/<name>`. */
  matchRoute(route: { namespace: string; name: string }, head: RequestHead): CompiledRule | undefined;
  readonly size: number;
}

/** Go duration as Gateway API allows it: `1h30m`, `10s`, `500ms`; `0s` means no limit. */
export function parseDuration(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const units: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|h|m|s)/g))
    total += Number(amount) * (units[unit as string] as number);
  return total === 0 ? undefined : total;
}

type Filter = NonNullable<NonNullable<RouteRule["filters"]>[number]>;

function compileRewrite(filter: Filter["urlRewrite"], match: RouteMatch): CompiledRule["rewrite"] {
  const path = filter?.path;
  if (path === undefined) return undefined;
  if (path.type === "ReplaceFullPath") return () => path.replaceFullPath ?? "/";
  const prefix = (match.path?.value ?? "/").replace(/\/+$/, "");
  const replacement = (path.replacePrefixMatch ?? "/").replace(/\/+$/, "");
  return (actual) => replacement + actual.slice(prefix.length).replace(/^(?=[^/])/, "/") || "/";
}

function compileHeaders(filters: readonly Filter[]): HeaderChange | undefined {
  const changes = filters.flatMap(({ requestHeaderModifier }) =>
    requestHeaderModifier === undefined ? [] : [requestHeaderModifier],
  );
  if (changes.length === 0) return undefined;
  const pairs = (list: { name: string; value: string }[] | undefined) =>
    (list ?? []).map(({ name, value }) => [name.toLowerCase(), value] as const);
  return {
    set: changes.flatMap(({ set }) => pairs(set)),
    add: changes.flatMap(({ add }) => pairs(add)),
    remove: changes.flatMap(({ remove }) => (remove ?? []).map((name) => name.toLowerCase())),
  };
}

const knownFilters = new Set(["RequestHeaderModifier", "URLRewrite"]);

type BackendRef = NonNullable<RouteRule["backendRefs"]>[number];

function compileBackend(ref: BackendRef, namespace: string): Backend {
  const backend = {
    namespace: ref.namespace ?? namespace,
    service: ref.name,
    port: ref.port ?? 0,
    weight: ref.weight ?? 1,
  };
  const problem = backendProblem(ref, namespace);
  return problem === undefined ? backend : { ...backend, problem: problem.message };
}

/** Reason and message of `ResolvedRefs=False`; undefined: it can be used, if the Service exists. */
export function backendProblem(
  ref: BackendRef,
  namespace: string,
): { reason: "InvalidKind" | "RefNotPermitted" | "UnsupportedValue"; message: string } | undefined {
  const kind = `${ref.group ? `${ref.group}/` : ""}${ref.kind ?? "Service"}`;
  if (kind !== "Service") return { reason: "InvalidKind", message: `${kind} "${ref.name}" is not a Service` };
  // A route must not reach into a namespace that did not allow it; ReferenceGrant is not read yet.
  if ((ref.namespace ?? namespace) !== namespace)
    return { reason: "RefNotPermitted", message: `Service "${ref.namespace}/${ref.name}" is in another namespace` };
  const [filter] = ref.filters ?? [];
  if (filter !== undefined)
    return { reason: "UnsupportedValue", message: `Service "${ref.name}" has a filter of its own (${filter.type})` };
  return undefined;
}

function compileRule(route: HTTPRoute, rule: RouteRule, match: RouteMatch): CompiledRule {
  const namespace = route.metadata.namespace ?? "default";
  const filters = rule.filters ?? [];
  const rewrite = filters.find(({ urlRewrite }) => urlRewrite !== undefined)?.urlRewrite;
  return {
    route: { namespace, name: route.metadata.name },
    backends: (rule.backendRefs ?? []).map((ref) => compileBackend(ref, namespace)),
    timeoutMs: parseDuration(rule.timeouts?.request) ?? parseDuration(rule.timeouts?.backendRequest),
    requestHeaders: compileHeaders(filters),
    rewrite: compileRewrite(rewrite, match),
    newHost: rewrite?.hostname,
    unsupported: filters.find(({ type }) => !knownFilters.has(type))?.type,
  };
}

const compareRanks = (a: CompiledMatch, b: CompiledMatch): number => {
  const at = a.rank.findIndex((value, i) => value !== b.rank[i]);
  return at < 0 ? 0 : (b.rank[at] as number) - (a.rank[at] as number);
};

const byAge = (a: HTTPRoute, b: HTTPRoute): number => {
  const [x, y] = [a, b].map(
    ({ metadata }) => `${metadata.creationTimestamp ?? ""} ${metadata.namespace}/${metadata.name}`,
  ) as [string, string];
  return x < y ? -1 : x > y ? 1 : 0;
};

function compileRoute(route: HTTPRoute): CompiledMatch[] {
  return (route.spec.rules ?? []).flatMap((rule) => {
    const matches: RouteMatch[] = rule.matches?.length ? rule.matches : [{ path: { type: "PathPrefix", value: "/" } }];
    return matches.map((match) => ({ ...compileMatch(match), rule: compileRule(route, rule, match) }));
  });
}

/** @param onInvalid a route that cannot be compiled (a bad regular expression) is left out and told here. */
export function compileRouteTable(
  routes: readonly HTTPRoute[],
  onInvalid: (route: HTTPRoute, error: Error) => void = () => {},
): RouteTable {
  const exact = new Map<string, CompiledMatch[]>();
  const wildcard = new Map<string, CompiledMatch[]>();
  const byRoute = new Map<string, CompiledMatch[]>();
  for (const route of [...routes].sort(byAge)) {
    let compiled: CompiledMatch[];
    try {
      compiled = compileRoute(route);
    } catch (error) {
      onInvalid(route, error as Error);
      continue;
    }
    byRoute.set(`${route.metadata.namespace}/${route.metadata.name}`, [...compiled].sort(compareRanks));
    for (const hostname of route.spec.hostnames?.length ? route.spec.hostnames : ["*"]) {
      const target = hostname.startsWith("*") ? wildcard : exact;
      const key = hostname.replace(/^\*\.?/, "").toLowerCase();
      target.set(key, [...(target.get(key) ?? []), ...compiled]);
    }
  }
  for (const list of [...exact.values(), ...wildcard.values()]) list.sort(compareRanks);
  const first = (list: readonly CompiledMatch[] | undefined, head: RequestHead) =>
    list?.find(({ test }) => test(head))?.rule;
  return {
    match(head) {
      const found = first(exact.get(head.host), head);
      if (found !== undefined) return found;
      // The longest suffix first: *.a.b before *.b before *.
      for (let dot = head.host.indexOf("."); dot >= 0; dot = head.host.indexOf(".", dot + 1)) {
        const rule = first(wildcard.get(head.host.slice(dot + 1)), head);
        if (rule !== undefined) return rule;
      }
      return first(wildcard.get(""), head);
    },
    matchRoute: ({ namespace, name }, head) => first(byRoute.get(`${namespace}/${name}`), head),
    size: byRoute.size,
  };
}
