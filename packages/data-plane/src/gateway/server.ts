// SPDX-License-Identifier: Apache-2.0
// The front door: HTTP/1.1 and cleartext HTTP/2 on one port, routing by the table, refusals, access log and metrics.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttp2Server, type Http2Server } from "node:http2";
import { createServer as createNetServer, type Server as NetServer, type Socket } from "node:net";
import { type EndpointSource, loadCounter, resolveEndpoints } from "./endpoints.ts";
import type { GatewayMetrics } from "./metrics.ts";
import { createPools, type Pools, type ProxyResult, proxyRequest } from "./proxy.ts";
import { type Refusal, refusalBody, refusals } from "./refusals.ts";
import type { CompiledRule, RequestHead, RouteTable } from "./route-table.ts";
import { chooseBackend } from "./split.ts";

export interface GatewayDeps {
  readonly routes: () => RouteTable;
  readonly endpoints: EndpointSource;
  readonly metrics: GatewayMetrics;
  /** One entry per request, without bodies. */
  readonly accessLog: (entry: Readonly<Record<string, unknown>>) => void;
  readonly maxRequestBytes: number;
  readonly random?: () => number;
  /** Undefined: ready. */
  readonly notReady: () => string | undefined;
}

export interface Gateway {
  readonly port: number;
  readonly pools: Pools;
  /** Stops accepting, lets requests in flight finish for `drainMs`, then closes. */
  close(drainMs: number): Promise<void>;
}

const http2Preface = "PRI * HTTP/2.0";
const ownPrefix = "/-/";
const servingPath = /^\/serving\/([^/?]+)\/([^/?]+)(\/[^?]*)?$/;

const hostOf = (request: IncomingMessage): string => {
  const host = String(request.headers[":authority"] ?? request.headers.host ?? "");
  return (host.startsWith("[") ? host.slice(0, host.indexOf("]") + 1) : (host.split(":")[0] as string)).toLowerCase();
};

function refuse(response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) return;
  const body = refusalBody(refusal);
  const { connection, ...headers } = refusal.headers ?? {};
  const isHttp2 = (response as { stream?: unknown }).stream !== undefined;
  response.writeHead(refusal.status, {
    ...headers,
    ...(connection === undefined || isHttp2 ? {} : { connection }),
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

/** gRPC clients read trailers, not JSON: UNIMPLEMENTED in their own words. */
function refuseGrpc(response: ServerResponse): void {
  response.writeHead(200, {
    "content-type": "application/grpc",
    "grpc-status": "12",
    "grpc-message": refusals.grpc().message,
  });
  response.end();
}

interface Target {
  readonly rule: CompiledRule;
  readonly path: string;
}

/** Which rule answers, and with which path. */
function findTarget(routes: RouteTable, request: IncomingMessage): Target | undefined {
  const url = request.url ?? "/";
  const mark = url.indexOf("?");
  const [path, query] = mark < 0 ? [url, ""] : [url.slice(0, mark), url.slice(mark)];
  const head: RequestHead = {
    host: hostOf(request),
    path,
    query,
    method: request.method ?? "GET",
    headers: request.headers,
  };
  const serving = servingPath.exec(path);
  if (serving !== null) {
    const [, namespace, name, rest = "/"] = serving as unknown as [string, string, string, string | undefined];
    const rule = routes.matchRoute(
      { namespace: decodeURIComponent(namespace), name: decodeURIComponent(name) },
      { ...head, path: rest },
    );
    if (rule !== undefined) return { rule, path: (rule.rewrite?.(rest) ?? rest) + query };
  }
  const rule = routes.match(head);
  return rule === undefined ? undefined : { rule, path: (rule.rewrite?.(path) ?? path) + query };
}

export async function startGateway(options: { port: number; host?: string }, deps: GatewayDeps): Promise<Gateway> {
  const pools = createPools();
  const load = loadCounter();
  const random = deps.random ?? Math.random;

  const ownAnswer = (request: IncomingMessage, response: ServerResponse): void => {
    const answer = (status: number, text: string, type = "text/plain"): void => {
      response.writeHead(status, { "content-type": type }).end(text);
    };
    if (request.url === "/-/healthz") answer(200, "ok");
    else if (request.url === "/-/readyz") answer(deps.notReady() === undefined ? 200 : 503, deps.notReady() ?? "ok");
    else if (request.url === "/-/metrics") void answerMetrics(answer);
    else answer(404, "not found");
  };
  const answerMetrics = (answer: (status: number, text: string, type?: string) => void): Promise<void> =>
    deps.metrics.text().then(
      (text) => answer(200, text, deps.metrics.contentType),
      () => answer(500, "metrics could not be collected"),
    );
  const pass = async (
    request: IncomingMessage,
    response: ServerResponse,
    { rule, path }: Target,
  ): Promise<ProxyResult & { service?: string }> => {
    const routeName = `${rule.route.namespace}/${rule.route.name}`;
    const refused = (refusal: Refusal, service?: string) => ({
      status: refusal.status,
      origin: undefined,
      attempts: 0,
      refusal,
      ...(service === undefined ? {} : { service }),
    });
    if (rule.unsupported !== undefined) return refused(refusals.unsupportedFilter(routeName, rule.unsupported));
    const backend = chooseBackend(rule.backends, random());
    if (backend === undefined) return refused(refusals.noBackend(routeName));
    const { namespace, service, port } = backend;
    const resolve = () => resolveEndpoints(deps.endpoints, namespace, service, port);
    const { problem } = resolve();
    if (problem === "no-ready-endpoint") return refused(refusals.noEndpoint(service), service);
    if (problem !== undefined) return refused(refusals.noService(service), service);
    const result = await proxyRequest(
      {
        request,
        response,
        path,
        endpoints: () => resolve().ready,
        timeoutMs: rule.timeoutMs,
        maxRequestBytes: deps.maxRequestBytes,
        headerChange: rule.requestHeaders,
        forwarded: {
          for: request.socket.remoteAddress ?? "",
          host: String(request.headers[":authority"] ?? request.headers.host ?? ""),
        },
      },
      { pools, load, random },
    );
    return { ...result, service };
  };
  const onRequest = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.url?.startsWith(ownPrefix) === true) return ownAnswer(request, response);
    if (String(request.headers["content-type"] ?? "").startsWith("application/grpc")) return refuseGrpc(response);
    const startedAt = performance.now();
    const target = findTarget(deps.routes(), request);
    const result =
      target === undefined
        ? {
            status: 404,
            origin: undefined,
            attempts: 0,
            refusal: refusals.noRoute(hostOf(request), (request.url ?? "/").split("?")[0] as string),
          }
        : await pass(request, response, target);
    if (result.refusal !== undefined) refuse(response, result.refusal);
    const durationMs = performance.now() - startedAt;
    const { namespace = "", name = "" } = target?.rule.route ?? {};
    const service = (result as { service?: string }).service ?? "";
    deps.metrics.observe({ namespace, route: name, service, status: result.status, durationMs });
    deps.accessLog({
      method: request.method,
      host: hostOf(request),
      // Queries can carry what is not for logs.
      path: (request.url ?? "/").split("?")[0],
      status: result.status,
      durationMs: Math.round(durationMs * 100) / 100,
      service: service === "" ? undefined : `${namespace}/${service}`,
      endpoint: result.origin,
      attempts: result.attempts > 1 ? result.attempts : undefined,
      code: result.refusal?.code,
    });
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    onRequest(request, response).catch((error: Error) => refuse(response, refusals.unreachable(error.message)));
  };
  const http1 = createServer(
    { keepAliveTimeout: 75_000, requestTimeout: 0, headersTimeout: 60_000, maxHeaderSize: 64 * 1024 },
    listener,
  );
  http1.on("upgrade", (_request, socket: Socket) => {
    const body = refusalBody(refusals.upgrade());
    socket.end(
      `HTTP/1.1 501 Not Implemented\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  });
  const http2 = createHttp2Server({ settings: { initialWindowSize: 1 << 20 } });
  http2.on("request", (request, response) =>
    listener(request as unknown as IncomingMessage, response as unknown as ServerResponse),
  );
  const net = createNetServer({ noDelay: true }, (socket) => hand(socket, http1, http2));
  const port = await listen(net, options);
  return { port, pools, close: (drainMs) => closeGateway({ net, http1, http2, pools }, drainMs) };
}

/** HTTP/2 with prior knowledge begins with a fixed preface; everything else is HTTP/1.1. */
function hand(socket: Socket, http1: Server, http2: Http2Server): void {
  socket.on("error", () => socket.destroy());
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    socket.removeListener("readable", onReadable);
    socket.unshift(chunk);
    const head = chunk.subarray(0, http2Preface.length).toString("latin1");
    (head === http2Preface.slice(0, head.length) && head.length >= 3 ? http2 : http1).emit("connection", socket);
  };
  socket.on("readable", onReadable);
}

const listen = (server: NetServer, { port, host = "127.0.0.1" }: { port: number; host?: string }): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve((server.address() as { port: number }).port));
  });

async function closeGateway(
  parts: { net: NetServer; http1: Server; http2: Http2Server; pools: Pools },
  drainMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => parts.net.close(() => resolve()));
  parts.http1.closeIdleConnections();
  const timer = setTimeout(() => {
    parts.http1.closeAllConnections();
  }, drainMs);
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, drainMs + 500))]);
  clearTimeout(timer);
  await parts.pools.close();
}
