// SPDX-License-Identifier: Apache-2.0
// The HTTPS front of the API server: TLS, authentication, bodies in, JSON or streams out. No Kubernetes semantics.
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { ApiRequest, ApiResponse, Transport, UserInfo } from "@serval/kube";
import { ApiError } from "@serval/kube";
import type { Pki } from "../../pki/index.ts";
import { authorize, impersonated } from "../authorization.ts";
import { refusal, statusOf, unauthorized } from "../status.ts";
import type { Logger } from "../verbs/context.ts";
import { anonymousUser, browserRefusal, createAuthenticator, isLoopbackHost } from "./authenticate.ts";
import { readBody } from "./body.ts";

export interface ListenOptions {
  /** A loopback address. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly pki: Pki;
  /** Further bearer tokens. */
  readonly tokens?: ReadonlyMap<string, UserInfo>;
}

export interface HttpFront {
  /** `https://127.0.0.1:16443` */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

const methods = new Set(["GET", "POST", "PUT", "PATCH", "DELETE"]);
/** Longer than Go's client keeps an idle connection, so that the client is the one who closes it. */
const keepAliveMs = 120_000;
const openPath = /^\/(healthz|livez|readyz|version)(\/|$)/;

function warningHeaders(warnings: readonly string[] | undefined): Record<string, string[]> {
  if (warnings === undefined || warnings.length === 0) return {};
  const quoted = [...new Set(warnings)].map(
    (text) =>
      `299 - "${text
        .replace(/[\r\n]+/g, " ")
        .replace(/[^\x20-\x7e]/g, "?")
        .replace(/["\\]/g, "\\$&")}"`,
  );
  return { warning: quoted };
}

function sendJson(
  response: ServerResponse,
  answer: Pick<ApiResponse, "status" | "body" | "warnings" | "contentType">,
): void {
  const text = Buffer.from(`${JSON.stringify(answer.body)}\n`);
  response.writeHead(answer.status, {
    "content-type": answer.contentType ?? "application/json",
    "content-length": text.length,
    "cache-control": "no-cache, private",
    ...warningHeaders(answer.warnings),
  });
  response.end(text);
}

/** Writes with backpressure; ends early when the client has gone. */
async function stream(
  response: ServerResponse,
  chunks: AsyncIterable<Uint8Array | string>,
  signal: AbortSignal,
): Promise<void> {
  for await (const chunk of chunks) {
    if (signal.aborted) return;
    if (!response.write(chunk)) await once(response, "drain", { signal });
  }
}

async function* eventLines(events: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const event of events) yield `${JSON.stringify(event)}\n`;
}

async function sendAnswer(response: ServerResponse, answer: ApiResponse, signal: AbortSignal): Promise<void> {
  if (answer.events === undefined && answer.bytes === undefined) {
    sendJson(response, answer);
    return;
  }
  const contentType = answer.events === undefined ? (answer.contentType ?? "text/plain") : "application/json";
  if (answer.bytes !== undefined) return sendBytes(response, { ...answer, contentType }, signal);
  response.writeHead(answer.status, {
    "content-type": contentType,
    "cache-control": "no-cache, private",
    ...warningHeaders(answer.warnings),
  });
  response.flushHeaders();
  await stream(response, eventLines(answer.events as AsyncIterable<unknown>), signal);
  response.end();
}

/** The first chunk decides: a log that cannot be read is still a Status. */
async function sendBytes(response: ServerResponse, answer: ApiResponse, signal: AbortSignal): Promise<void> {
  const chunks = (answer.bytes as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  // A followed log may be silent for long: the client must see the headers without its first byte.
  const first = chunks.next();
  const isSilent = await Promise.race([
    first.then(() => false),
    new Promise<true>((resolve) => setTimeout(resolve, 200, true).unref()),
  ]);
  response.writeHead(answer.status, { "content-type": answer.contentType ?? "text/plain" });
  if (isSilent) response.flushHeaders();
  async function* rest(): AsyncGenerator<Uint8Array> {
    try {
      for (let next = await first; next.done !== true; next = await chunks.next()) yield next.value;
    } finally {
      await chunks.return?.();
    }
  }
  await stream(response, rest(), signal);
  response.end();
}

function apiRequest(request: IncomingMessage, user: UserInfo, signal: AbortSignal): ApiRequest {
  const url = new URL(request.url ?? "/", "https://localhost");
  const { "content-type": contentType, accept, "user-agent": userAgent } = request.headers;
  return {
    method: request.method as ApiRequest["method"],
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    ...(contentType === undefined ? {} : { contentType }),
    ...(accept === undefined ? {} : { accept }),
    ...(userAgent === undefined ? {} : { userAgent }),
    user,
    signal,
  };
}

function admit(request: IncomingMessage, authenticate: (request: IncomingMessage) => UserInfo | undefined): UserInfo {
  const refused = browserRefusal(request);
  if (refused !== undefined) throw refused;
  const user = authenticate(request);
  if (user !== undefined) return impersonated(user, request.headers);
  if (request.method === "GET" && openPath.test(request.url ?? "")) return anonymousUser;
  throw unauthorized();
}

async function serve(
  transport: Transport,
  request: IncomingMessage,
  scope: { user: UserInfo; signal: AbortSignal },
): Promise<ApiResponse> {
  if (!methods.has(request.method ?? ""))
    throw refusal({ code: 405, reason: "MethodNotAllowed", message: `the method ${request.method} is not served` });
  const api = apiRequest(request, scope.user, scope.signal);
  authorize(api, scope.user);
  if (request.method === "GET") return transport.send(api);
  const { value, duplicateFields } = await readBody(request);
  const withBody = { ...api, ...(value === undefined ? {} : { body: value }), duplicateFields };
  return transport.send(withBody);
}

/** The front's one request function: every failure ends as a Status or, in mid-stream, as a cut connection. */
function createListener(transport: Transport, options: ListenOptions & { log: Logger }) {
  const authenticate = createAuthenticator(options.pki.token, options.tokens);
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    try {
      const user = admit(request, authenticate);
      await sendAnswer(response, await serve(transport, request, { user, signal: gone.signal }), gone.signal);
    } catch (error) {
      if (gone.signal.aborted) return;
      if (!(error instanceof ApiError))
        options.log.error({ method: request.method, path: request.url?.split("?")[0], error }, "HTTP request failed");
      if (response.headersSent) {
        response.destroy();
        return;
      }
      const status = statusOf(error);
      // What is left of a refused body is not read: the connection ends with the answer.
      response.setHeader("connection", "close");
      sendJson(response, { status: status.code ?? 500, body: status });
    }
  };
}

function listenFailure(error: NodeJS.ErrnoException, { host, port }: ListenOptions): Error {
  const why =
    error.code === "EADDRINUSE"
      ? "the port is in use; stop the other process or choose another port"
      : `${error.code ?? error.message}; choose another address or port`;
  return new Error(`Cannot serve the API on ${host}:${port}: ${why}`, { cause: error });
}

/** @throws Error when the address is not a loopback one or the port is taken. */
export async function openHttpFront(
  transport: Transport,
  options: ListenOptions & { log: Logger },
): Promise<HttpFront> {
  const { host, port, pki } = options;
  if (!isLoopbackHost(host)) {
    throw new Error(`Cannot serve the API on "${host}": only loopback addresses are allowed; use 127.0.0.1`);
  }
  const listener = createListener(transport, options);
  const server = createServer(
    {
      cert: pki.serving.cert,
      key: pki.serving.key,
      ca: pki.ca.cert,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: "TLSv1.2",
      keepAliveTimeout: keepAliveMs,
      requestTimeout: 60_000,
      noDelay: true,
    },
    (request, response) => void listener(request, response),
  );
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenFailure(error, options)));
    server.listen(port, host, resolve);
  });
  server.on("error", (error) => options.log.error({ error }, "HTTPS server failed"));
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `https://${host.includes(":") ? `[${host}]` : host}:${bound}`,
    port: bound,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
