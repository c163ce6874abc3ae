// SPDX-License-Identifier: Apache-2.0
// The HTTP server of a model: a short list of routes tried in order (the hottest first), bodies within the limit,
// and a stop that lets running requests finish.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIPv6 } from "node:net";
import { RequestError } from "@serval/protocol";
import { renderMetrics } from "../metrics.ts";
import { type Exchange, type Handler, readBody, type ServerDeps, sendError, sendJson } from "./exchange.ts";
import { openaiRoutes } from "./openai-routes.ts";
import { explainV1, listV1, predictV1, readyV1 } from "./v1-routes.ts";
import {
  infer,
  listV2,
  live,
  modelMetadata,
  modelReady,
  repositoryIndex,
  repositoryLoad,
  repositoryUnload,
  serverMetadata,
  versioned,
} from "./v2-routes.ts";

export interface Route {
  readonly method: "GET" | "POST";
  readonly path: RegExp;
  readonly handle: Handler;
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  /** Answers on, says that it is not ready, and asks clients to come back on another connection: to a server that stays. */
  sendAway(): void;
  /** Answers running requests, refuses new connections; after `drainMs` cuts what is left. */
  stop(drainMs: number): Promise<void>;
}

const EMPTY = Buffer.alloc(0);
const NO_PARAMS: readonly string[] = [];
const idleCheckMs = 100;

const routesOf = (deps: ServerDeps, leaving: () => boolean): readonly Route[] => [
  { method: "POST", path: /^\/v1\/models\/([^/]+):predict$/, handle: predictV1 },
  { method: "POST", path: /^\/v2\/models\/([^/]+)\/infer$/, handle: infer },
  ...openaiRoutes(deps),
  { method: "POST", path: /^\/v1\/models\/([^/]+):explain$/, handle: explainV1 },
  { method: "GET", path: /^\/$/, handle: ({ response }) => sendJson(response, 200, '{"status":"alive"}') },
  {
    method: "GET",
    path: /^\/(?:healthz|health)$/,
    handle: ({ response }) => sendJson(response, 200, '{"status":"alive"}'),
  },
  { method: "GET", path: /^\/metrics$/, handle: sendMetrics },
  { method: "GET", path: /^\/v1\/models$/, handle: listV1 },
  { method: "GET", path: /^\/v1\/models\/([^/]+)$/, handle: readyV1 },
  { method: "GET", path: /^\/v2$/, handle: serverMetadata },
  { method: "GET", path: /^\/v2\/$/, handle: redirectToV2 },
  { method: "GET", path: /^\/v2\/health\/live$/, handle: live },
  { method: "GET", path: /^\/v2\/health\/ready$/, handle: ({ response }) => sendReady(response, leaving()) },
  { method: "GET", path: /^\/v2\/models$/, handle: listV2 },
  { method: "GET", path: /^\/v2\/models\/([^/]+)$/, handle: modelMetadata },
  { method: "GET", path: /^\/v2\/models\/([^/]+)\/ready$/, handle: modelReady },
  { method: "GET", path: /^\/v2\/models\/([^/]+)\/versions\/[^/]+(?:\/ready)?$/, handle: versioned },
  { method: "POST", path: /^\/v2\/models\/([^/]+)\/versions\/[^/]+\/infer$/, handle: versioned },
  { method: "POST", path: /^\/v2\/repository\/index$/, handle: repositoryIndex },
  { method: "POST", path: /^\/v2\/repository\/models\/([^/]+)\/load$/, handle: repositoryLoad },
  { method: "POST", path: /^\/v2\/repository\/models\/([^/]+)\/unload$/, handle: repositoryUnload },
];

function sendMetrics({ response, deps }: Exchange): void {
  const text = renderMetrics(
    deps.repository.all.map(({ metrics }) => metrics),
    process.memoryUsage(),
    process.cpuUsage(),
  );
  response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(text);
}

function sendReady(response: ServerResponse, leaving: boolean): void {
  // KServe: always ready; a server that is stopping says so here, so that routers leave it.
  if (leaving) sendJson(response, 503, '{"error":"Server is not ready."}');
  else sendJson(response, 200, '{"ready":true}');
}

function redirectToV2({ request, response }: Exchange): void {
  response
    .writeHead(307, { location: `http://${request.headers.host ?? "localhost"}/v2`, "content-length": "0" })
    .end();
}

export async function startServer(deps: ServerDeps, address: { host: string; port: number }): Promise<RunningServer> {
  let leaving = false;
  const routes = routesOf(deps, () => leaving);
  const server = createServer({ keepAliveTimeout: 65_000, noDelay: true }, (request, response) => {
    if (leaving) response.shouldKeepAlive = false;
    dispatch({ request, response, routes, deps });
  });
  await listen(server, address);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://${isIPv6(address.host) ? `[${address.host}]` : address.host}:${port}`,
    sendAway() {
      leaving = true;
    },
    stop(drainMs) {
      leaving = true;
      return close(server, drainMs);
    },
  };
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function close(server: Server, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), drainMs);
    // A head that was out before the end was decided promised to keep its connection.
    const idle = setInterval(() => server.closeIdleConnections(), idleCheckMs);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(idle);
      resolve();
    });
    server.closeIdleConnections();
  });
}

interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly routes: readonly Route[];
  readonly deps: ServerDeps;
}

function dispatch(arrival: Arrival): void {
  const { request, response, routes } = arrival;
  const url = request.url ?? "/";
  const query = url.indexOf("?");
  const path = query === -1 ? url : url.slice(0, query);
  let allow: string | undefined;
  for (const route of routes) {
    const match = route.path.exec(path);
    if (match === null) continue;
    if (route.method === request.method) {
      enter(arrival, route, match);
      return;
    }
    allow ??= route.method;
  }
  request.resume();
  if (allow === undefined) {
    sendJson(response, 404, '{"detail":"Not Found"}');
    return;
  }
  response.setHeader("allow", allow);
  sendJson(response, 405, '{"detail":"Method Not Allowed"}');
}

function enter({ request, response, deps }: Arrival, route: Route, match: RegExpExecArray): void {
  const params = match.length === 1 ? NO_PARAMS : decoded(match[1]!);
  if (params === undefined) {
    request.resume();
    sendError(response, new RequestError(400, "The model name in the path is not valid percent-encoding"), deps);
  } else if (route.method === "GET") {
    run(route.handle, { request, response, params, body: EMPTY, deps });
  } else {
    readBody(request, deps.maxRequestBytes, (error, body) => {
      if (error === undefined) run(route.handle, { request, response, params, body, deps });
      else {
        response.setHeader("connection", "close");
        sendError(response, error, deps);
      }
    });
  }
}

function decoded(name: string): readonly string[] | undefined {
  if (!name.includes("%")) return [name];
  try {
    return [decodeURIComponent(name)];
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

function run(handle: Handler, exchange: Exchange): void {
  try {
    const pending = handle(exchange);
    if (pending !== undefined) pending.catch((error: unknown) => sendError(exchange.response, error, exchange.deps));
  } catch (error) {
    sendError(exchange.response, error, exchange.deps);
  }
}
