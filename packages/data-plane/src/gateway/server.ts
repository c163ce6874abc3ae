// SPDX-License-Identifier: Apache-2.0
// The gateway's answer to one request: which rule, which backend, the refusals, the access log and the metrics.
import type { IncomingMessage, ServerResponse } from "node:http";
import { type EndpointSource, loadCounter, resolveEndpoints } from "./endpoints.ts";
import { openFrontDoor } from "./front-door.ts";
import type { GatewayMetrics } from "./metrics.ts";
import { createPools, type Pools } from "./pools.ts";
import { type ProxyResult, proxyRequest } from "./proxy.ts";
import { type Refusal, refusals } from "./refusals.ts";
import { refuse, refuseGrpc } from "./refuse.ts";
import type { BodyLimits } from "./request-body.ts";
import type { CompiledRule, RouteTable } from "./route-table.ts";
import { chooseBackend } from "./split.ts";
import { type Asked, findTarget, readTarget, type Target } from "./target.ts";

export interface GatewayDeps {
  readonly routes: () => RouteTable;
  readonly endpoints: EndpointSource;
  readonly metrics: GatewayMetrics;
  /** One entry per request, without queries and bodies. */
  readonly accessLog: (entry: Readonly<Record<string, unknown>>) => void;
  readonly maxRequestBytes: number;
  /** Longest silence of a client in the middle of a body. */
  readonly bodyIdleMs?: number;
  readonly random?: () => number;
  /** Undefined: ready. */
  readonly notReady: () => string | undefined;
}

export interface Gateway {
  readonly port: number;
  readonly pools: Pools;
  /** Still answers everybody, and asks every client to come back on another connection. */
  sendAway(): void;
  /** Stops accepting, lets requests in flight finish for `drainMs`, then closes. */
  close(drainMs: number): Promise<void>;
}

export interface GatewayOptions {
  readonly port: number;
  readonly host?: string;
  readonly headMs?: number;
  readonly idleMs?: number;
}

const ownPrefix = "/-/";
const defaultBodyIdleMs = 60_000;

type Outcome = ProxyResult & { readonly service?: string };

const refused = (refusal: Refusal, service?: string): Outcome => ({
  status: refusal.status,
  origin: undefined,
  attempts: 0,
  refusal,
  ...(service === undefined ? {} : { service }),
});

/** `/-/healthz`, `/-/readyz`, `/-/metrics`. */
function createOwnAnswers({ metrics, notReady }: GatewayDeps) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const answer = (status: number, text: string, type = "text/plain"): void => {
      response.writeHead(status, { "content-type": type }).end(text);
    };
    const path = (request.url as string).split("?")[0];
    if (path === "/-/healthz") answer(200, "ok");
    else if (path === "/-/readyz") answer(notReady() === undefined ? 200 : 503, notReady() ?? "ok");
    else if (path === "/-/metrics")
      metrics.text().then(
        (text) => answer(200, text, metrics.contentType),
        () => answer(500, "metrics could not be collected"),
      );
    else answer(404, "not found");
  };
}

/** Passes requests to the backends of their rules. */
function createPassing(deps: GatewayDeps, pools: Pools) {
  const load = loadCounter();
  const random = deps.random ?? Math.random;
  const body: BodyLimits = { maxBytes: deps.maxRequestBytes, idleMs: deps.bodyIdleMs ?? defaultBodyIdleMs };

  const backendOf = (rule: CompiledRule) => {
    const route = `${rule.route.namespace}/${rule.route.name}`;
    if (rule.unsupported !== undefined) return { refusal: refusals.unsupportedFilter(route, rule.unsupported) };
    const backend = chooseBackend(rule.backends, random());
    if (backend === undefined) return { refusal: refusals.noBackend(route) };
    if (backend.problem !== undefined) return { refusal: refusals.badBackend(route, backend.problem) };
    return { backend, route };
  };
  return async (
    request: IncomingMessage,
    response: ServerResponse,
    { target, asked }: { target: Target; asked: Asked },
  ): Promise<Outcome> => {
    const { rule, path } = target;
    const chosen = backendOf(rule);
    if (chosen.refusal !== undefined) return refused(chosen.refusal);
    const { namespace, service, port } = chosen.backend;
    const resolve = () => resolveEndpoints(deps.endpoints, namespace, service, port);
    const { problem } = resolve();
    if (problem === "no-ready-endpoint") return refused(refusals.noEndpoint(service), service);
    if (problem !== undefined) {
      const why = problem === "no-service" ? "does not exist" : `has no port ${port}`;
      return refused(refusals.badBackend(chosen.route, `Service "${namespace}/${service}" ${why}`), service);
    }
    const task = {
      request,
      response,
      path,
      service,
      endpoints: () => resolve().ready,
      timeoutMs: rule.timeoutMs,
      body,
      headerChange: rule.requestHeaders,
      from: { address: request.socket.remoteAddress ?? "", host: asked.authority, newHost: rule.newHost },
    };
    return { ...(await proxyRequest(task, { pools, load, random })), service };
  };
}

export async function startGateway(options: GatewayOptions, deps: GatewayDeps): Promise<Gateway> {
  const pools = createPools();
  const ownAnswer = createOwnAnswers(deps);
  const pass = createPassing(deps, pools);

  const onRequest = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.url?.startsWith(ownPrefix) === true) return ownAnswer(request, response);
    if (String(request.headers["content-type"] ?? "").startsWith("application/grpc"))
      return refuseGrpc(request, response);
    const startedAt = performance.now();
    const asked = readTarget(request);
    const target = findTarget(deps.routes(), asked);
    const outcome: Outcome =
      target === undefined
        ? refused(refusals.noRoute(asked.head.host, asked.head.path))
        : await pass(request, response, { target, asked });
    if (outcome.refusal !== undefined) refuse(request, response, outcome.refusal);
    const durationMs = performance.now() - startedAt;
    const { namespace = "", name = "" } = target?.rule.route ?? {};
    const { service = "", status } = outcome;
    deps.metrics.observe({ namespace, route: name, service, status, durationMs });
    deps.accessLog({
      method: asked.head.method,
      host: asked.head.host,
      // Queries can carry what is not for logs.
      path: asked.head.path,
      status,
      durationMs: Math.round(durationMs * 100) / 100,
      service: service === "" ? undefined : `${namespace}/${service}`,
      endpoint: outcome.origin,
      attempts: outcome.attempts > 1 ? outcome.attempts : undefined,
      code: outcome.refusal?.code,
    });
  };
  const door = await openFrontDoor(options, (request, response) => {
    onRequest(request, response).catch((error: Error) =>
      refuse(request, response, refusals.unreachable(error.message)),
    );
  });
  return {
    port: door.port,
    pools,
    sendAway: door.sendAway,
    async close(drainMs) {
      await door.close(drainMs);
      await pools.close();
    },
  };
}
