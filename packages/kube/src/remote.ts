// SPDX-License-Identifier: Apache-2.0
// A remote kube-apiserver over HTTPS: one undici agent, JSON in and out, watches as lines of JSON.
import { readFile } from "node:fs/promises";
import type { Agent, request } from "undici";
import type { ClusterAccess } from "./kubeconfig.ts";
import type { ApiRequest, ApiResponse, Transport } from "./transport.ts";

const tokenLifetimeMs = 60_000;
/** kube-apiserver ends watches by itself after 5 to 10 minutes and sends bookmarks every minute. */
const watchSilenceMs = 150_000;
const requestTimeoutMs = 60_000;

/** Service account tokens rotate on disk; re-read at most once a minute. */
function tokenSource({ token, tokenFile }: ClusterAccess, now: () => number): () => Promise<string | undefined> {
  let cached = token;
  let readAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (tokenFile === undefined || now() - readAt < tokenLifetimeMs) return cached;
    cached = (await readFile(tokenFile, "utf8")).trim();
    readAt = now();
    return cached;
  };
}

/** Splits a byte stream into JSON values, one per line. Ends without error when the server or the signal ends it. */
async function* jsonLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n", from)) {
      if (end > from) yield JSON.parse(rest.slice(from, end));
      from = end + 1;
    }
    rest = rest.slice(from);
  }
}

const warningText = (header: string): string => {
  const quoted = /^\d+ \S+ "((?:[^"\\]|\\.)*)"/.exec(header)?.[1];
  return quoted === undefined ? header : quoted.replace(/\\(.)/g, "$1");
};

const parseBody = (text: string, contentType: string): unknown => {
  if (text === "") return undefined;
  return contentType.includes("json") ? JSON.parse(text) : { message: text };
};

/** undici is loaded with the first request: the control plane has this file too, and never sends one. */
async function connected(access: ClusterAccess): Promise<{ agent: Agent; request: typeof request }> {
  // The default export: all that a bundle keeps of a CommonJS package that is loaded late.
  const { default: undici } = await import("undici");
  const agent = new undici.Agent({
    connections: 64,
    keepAliveTimeout: 30_000,
    allowH2: false,
    connect: {
      ...(access.ca === undefined ? {} : { ca: access.ca }),
      ...(access.cert === undefined ? {} : { cert: access.cert }),
      ...(access.key === undefined ? {} : { key: access.key }),
      rejectUnauthorized: access.insecureSkipTlsVerify !== true,
    },
  });
  return { agent, request: undici.request };
}

export interface RemoteOptions {
  readonly now?: () => number;
  /** Called once per request, for metrics. */
  readonly onRequest?: (method: string, status: number) => void;
  /** Sent with every request: `impersonate-user`, for one. */
  readonly headers?: Readonly<Record<string, string>>;
}

export function remoteTransport(access: ClusterAccess, options: RemoteOptions = {}): Transport {
  let connection: ReturnType<typeof connected> | undefined;
  const token = tokenSource(access, options.now ?? Date.now);

  async function send(request: ApiRequest): Promise<ApiResponse> {
    const query = request.query === undefined ? "" : `?${new URLSearchParams(request.query)}`;
    const isStream = request.query?.["watch"] === "true" || request.query?.["follow"] === "true";
    connection ??= connected(access);
    const [{ agent, request: httpRequest }, bearer] = await Promise.all([connection, token()]);
    const response = await httpRequest(`${access.server}${request.path}${query}`, {
      method: request.method,
      dispatcher: agent,
      headers: {
        ...options.headers,
        accept: request.accept ?? "application/json, */*",
        "user-agent": request.userAgent ?? "serval",
        ...(request.body === undefined ? {} : { "content-type": request.contentType ?? "application/json" }),
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      },
      body: request.body === undefined ? null : JSON.stringify(request.body),
      headersTimeout: requestTimeoutMs,
      bodyTimeout: isStream ? watchSilenceMs : requestTimeoutMs,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    options.onRequest?.(request.method, response.statusCode);
    const contentType = String(response.headers["content-type"] ?? "");
    const rawWarnings = response.headers["warning"];
    const warnings = rawWarnings === undefined ? {} : { warnings: [rawWarnings].flat().map(warningText) };
    if (response.statusCode < 400 && request.query?.["watch"] === "true") {
      return { status: response.statusCode, events: jsonLines(response.body), ...warnings };
    }
    if (response.statusCode < 400 && contentType.startsWith("text/plain") && request.path.endsWith("/log")) {
      return { status: response.statusCode, bytes: response.body, contentType };
    }
    const body = parseBody(await response.body.text(), contentType);
    return { status: response.statusCode, ...(body === undefined ? {} : { body }), ...warnings };
  }
  return { send, close: async () => (await connection)?.agent.destroy() };
}
