// SPDX-License-Identifier: Apache-2.0
// The gateway role: informers feed the route table, the endpoints and the Service addresses; statuses are written back.
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { keyOf, keyText } from "@serval/api";
import type { Cluster } from "@serval/kube";
import type { Logger } from "@serval/observe";
import { coalesce } from "./coalesce.ts";
import { gatewayMetrics } from "./gateway/metrics.ts";
import type { RouteTable } from "./gateway/route-table.ts";
import {
  buildRouteTable,
  endpointSource,
  type FrontService,
  knownOrigins,
  type Watched,
  watchObjects,
  writeStatuses,
} from "./gateway/served-routes.ts";
import { type Gateway as GatewayServer, startGateway } from "./gateway/server.ts";
import { createServiceProxy, type ServiceProxy } from "./service-proxy/service-proxy.ts";

export interface GatewayOptions {
  readonly cluster: Cluster;
  readonly port: number;
  readonly host?: string;
  readonly maxRequestBytes?: number;
  /** Serve each Service's own 127.x address too: only on the embedded home. */
  readonly serviceAddresses: boolean;
  /** What clients of a cluster reach its pods by: its addresses are those of the Gateways. */
  readonly front?: FrontService;
  /** When it fires the gateway leaves, in the order of `leave`. */
  readonly signal: AbortSignal;
  readonly leave?: Leave;
  readonly log: Logger;
}

export interface Leave {
  /** How long others may still send requests here after it was decided that this gateway ends. */
  readonly announceMs: number;
  /** How long requests may take to end after that. */
  readonly drainMs: number;
}

/** Nobody stands in front of the gateway of one machine. */
export const leaveAtOnce: Leave = { announceMs: 0, drainMs: 10_000 };
/**
 * On a cluster a Service forgets a pod some time after the pod was told to end; every node has its own time. Together less
 * than the pod's grace period.
 */
export const leaveService: Leave = { announceMs: 5_000, drainMs: 35_000 };

export const defaultMaxRequestBytes = 100 * 1024 * 1024;
const addressRetryMs = 5_000;

/** Keeps table and statuses up to date. @returns the current table. */
function followRoutes({ cluster, log, signal, front }: GatewayOptions, watched: Watched): () => RouteTable {
  const invalid = new Map<string, string>();
  const build = (): RouteTable => {
    invalid.clear();
    return buildRouteTable(watched, (route, error) => invalid.set(keyText(keyOf(route)), error.message));
  };
  let table = build();
  const onError = (error: unknown): void => {
    if (!signal.aborted) log.warn({ error }, "route status not written, will retry");
  };
  const report = coalesce(
    () => (signal.aborted ? undefined : writeStatuses(cluster, watched, { invalid, now: new Date(), front })),
    onError,
  );
  const rebuild = coalesce(() => {
    table = build();
    report();
  }, onError);
  for (const informer of [watched.routes, watched.gateways, watched.classes]) informer.onChange(rebuild);
  watched.services.onChange(report);
  return () => table;
}

/** Serves the Services' own addresses. An address that was busy is tried again after a while. */
function followServices({ log }: GatewayOptions, watched: Watched): ServiceProxy & { readonly stop: () => void } {
  const proxy = createServiceProxy({
    endpoints: endpointSource(watched),
    onError: (where, error) => log.error({ where, error }, "service address not served"),
  });
  const sync = (): void => proxy.sync(watched.services.list());
  watched.services.onChange(coalesce(sync, (error) => log.error({ error }, "service addresses not served")));
  const retry = setInterval(sync, addressRetryMs);
  return { ...proxy, stop: () => clearInterval(retry) };
}

const aborted = (signal: AbortSignal): Promise<unknown> => (signal.aborted ? Promise.resolve() : once(signal, "abort"));

/** Resolves when the gateway answers; it leaves with the signal (`stopped`). */
export async function runGateway(given: GatewayOptions): Promise<{ server: GatewayServer; stopped: Promise<void> }> {
  const { cluster, log } = given;
  const { announceMs, drainMs } = given.leave ?? leaveAtOnce;
  // While requests still come, routes and endpoints must be current.
  const watching = new AbortController();
  const { signal } = watching;
  const options = { ...given, signal };
  const watched = watchObjects(cluster, {
    signal,
    onError: (error) => log.warn({ error }, "watch failed, will retry"),
  });
  await Promise.all(Object.values(watched).map(({ synced }) => synced));
  const routes = followRoutes(options, watched);
  const server = await startGateway(
    { port: options.port, ...(options.host === undefined ? {} : { host: options.host }) },
    {
      routes,
      endpoints: endpointSource(watched),
      metrics: gatewayMetrics(),
      accessLog: (entry) => log.info(entry, "request"),
      maxRequestBytes: options.maxRequestBytes ?? defaultMaxRequestBytes,
      notReady: () => (given.signal.aborted ? "the gateway leaves" : undefined),
    },
  );
  const services = options.serviceAddresses ? followServices(options, watched) : undefined;
  watched.slices.onChange(
    coalesce(
      () => server.pools.keepOnly(knownOrigins(watched.slices)),
      (error) => log.error({ error }, "connections not ended"),
    ),
  );
  const stopped = aborted(given.signal).then(async () => {
    server.sendAway();
    if (announceMs > 0) await setTimeout(announceMs);
    watching.abort();
    services?.stop();
    await Promise.all([server.close(drainMs), services?.close()]);
  });
  return { server, stopped };
}
