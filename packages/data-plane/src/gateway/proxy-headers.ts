// SPDX-License-Identifier: Apache-2.0
// Which header fields pass the gateway, in both directions. Pure.
import type { IncomingHttpHeaders } from "node:http";
import type { HeaderChange } from "./route-table.ts";

export type HeaderMap = Record<string, string | string[]>;

/** RFC 9110 section 7.6.1, and what is about this hop alone. */
const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "http2-settings",
]);

/** The sender may name further fields of its hop in Connection. */
const namedInConnection = (connection: string | string[] | undefined): ReadonlySet<string> =>
  new Set(
    [connection ?? ""]
      .flat()
      .join(",")
      .toLowerCase()
      .split(/\s*,\s*/),
  );

function endToEnd(headers: Readonly<Record<string, string | string[] | undefined>>): HeaderMap {
  const named = namedInConnection(headers["connection"]);
  const kept: HeaderMap = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(":") || hopByHop.has(name) || named.has(name)) continue;
    kept[name] = value;
  }
  return kept;
}

export interface ForwardedFrom {
  /** The client's address. */
  readonly address: string;
  /** Host as the client wrote it, port included. */
  readonly host: string;
  /** Replaces Host (`URLRewrite.hostname`); undefined: passed on. */
  readonly newHost?: string | undefined;
}

export function requestHeaders(
  received: IncomingHttpHeaders,
  from: ForwardedFrom,
  change: HeaderChange | undefined,
): HeaderMap {
  const headers = endToEnd(received);
  const host = from.newHost ?? from.host;
  // HTTP/1.0 may have none; undici then names the endpoint.
  if (host !== "") headers["host"] = host;
  const before = headers["x-forwarded-for"];
  headers["x-forwarded-for"] = before === undefined ? from.address : `${[before].flat().join(", ")}, ${from.address}`;
  if (from.host !== "") headers["x-forwarded-host"] ??= from.host;
  headers["x-forwarded-proto"] ??= "http";
  if (change === undefined) return headers;
  for (const name of change.remove) delete headers[name];
  for (const [name, value] of change.set) headers[name] = value;
  for (const [name, value] of change.add) headers[name] = [...[headers[name] ?? []].flat(), value];
  return headers;
}

export const responseHeaders = endToEnd;
