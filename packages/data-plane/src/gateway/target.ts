// SPDX-License-Identifier: Apache-2.0
// What a request asks for, read from its head, and which rule answers: by host and path, or by the path
// `/serving/<namespace>/<name>/…` without any host name. Pure.
import type { IncomingMessage } from "node:http";
import type { CompiledRule, RequestHead, RouteTable } from "./route-table.ts";

const servingPath = /^\/serving\/([^/]+)\/([^/]+)(\/.*)?$/;
/** RFC 9112 section 3.2.2: a server accepts the absolute form, and its authority wins over Host. */
const absoluteForm = /^https?:\/\/([^/?#]*)/i;

export interface Asked {
  readonly head: RequestHead;
  /** Host as the client wrote it, port included. */
  readonly authority: string;
}

/** Without port and final dot, lower case. */
export function hostOfAuthority(authority: string): string {
  const end = authority.startsWith("[") ? authority.indexOf("]") + 1 : authority.indexOf(":");
  const host = end <= 0 ? authority : authority.slice(0, end);
  return (host.endsWith(".") ? host.slice(0, -1) : host).toLowerCase();
}

export function readTarget(request: Pick<IncomingMessage, "headers" | "method" | "url">): Asked {
  const raw = request.url ?? "/";
  const absolute = absoluteForm.exec(raw);
  const rest = absolute === null ? raw : raw.slice(absolute[0].length);
  const url = absolute === null || rest.startsWith("/") ? rest : `/${rest}`;
  const authority = absolute?.[1] ?? String(request.headers[":authority"] ?? request.headers.host ?? "");
  const mark = url.indexOf("?");
  return {
    authority,
    head: {
      host: hostOfAuthority(authority),
      path: mark < 0 ? url : url.slice(0, mark),
      query: mark < 0 ? "" : url.slice(mark),
      method: request.method ?? "GET",
      headers: request.headers,
    },
  };
}

export interface Target {
  readonly rule: CompiledRule;
  /** Path and query for the endpoint. */
  readonly path: string;
}

export function findTarget(routes: RouteTable, { head }: Asked): Target | undefined {
  // `OPTIONS *` asks about the server itself: no model's business.
  if (!head.path.startsWith("/")) return undefined;
  const serving = servingPath.exec(head.path);
  if (serving !== null) {
    const [, namespace, name, rest = "/"] = serving as unknown as [string, string, string, string | undefined];
    const rule = routes.matchRoute({ namespace, name }, { ...head, path: rest });
    if (rule !== undefined) return { rule, path: (rule.rewrite?.(rest) ?? rest) + head.query };
  }
  const rule = routes.match(head);
  return rule === undefined ? undefined : { rule, path: (rule.rewrite?.(head.path) ?? head.path) + head.query };
}
