// SPDX-License-Identifier: Apache-2.0
// What a path means: which collection, object and subresource. Pure.
// Source: k8s.io/apiserver/pkg/endpoints/request/requestinfo.go

export interface Route {
  readonly group: string;
  readonly version: string;
  readonly namespace?: string;
  readonly plural: string;
  readonly name?: string;
  readonly subresource?: string;
  /** What follows a subresource (`/proxy/a/b`). */
  readonly rest?: readonly string[];
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** Undefined: not a path of a resource. */
export function parseRoute(path: string): Route | undefined {
  const segments = path.split("/").slice(1).map(decode);
  if (segments.at(-1) === "") segments.pop();
  if (segments.some((segment) => segment === undefined || segment === "")) return undefined;
  const parts = segments as string[];
  let group: string;
  let version: string | undefined;
  if (parts[0] === "api") {
    group = "";
    version = parts[1];
    parts.splice(0, 2);
  } else if (parts[0] === "apis") {
    group = parts[1] ?? "";
    version = parts[2];
    parts.splice(0, 3);
  } else return undefined;
  if (version === undefined || parts.length === 0) return undefined;
  return inVersion({ group, version }, parts);
}

/** `/namespaces/x` and its own subresources are the Namespace; `/namespaces/x/pods…` is inside it. */
const namespaceSubresources = new Set(["status", "finalize"]);

function inVersion(base: { group: string; version: string }, parts: readonly string[]): Route {
  const [first, second, third] = parts;
  const inside = first === "namespaces" && second !== undefined && third !== undefined;
  if (inside && !(base.group === "" && parts.length === 3 && namespaceSubresources.has(third))) {
    return resource({ ...base, namespace: second }, parts.slice(2));
  }
  return resource(base, parts);
}

function resource(
  base: { group: string; version: string; namespace?: string },
  [plural = "", name, subresource, ...rest]: readonly string[],
): Route {
  return {
    ...base,
    plural,
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
    ...(rest.length === 0 ? {} : { rest }),
  };
}
