// SPDX-License-Identifier: Apache-2.0
// The gateway role: informers feed the route table, the endpoints and the Service addresses; statuses are written back.
import { keyOf, keyText } from "@serval/api";
import type { Cluster } from "@serval/kube";
import type { Logger } from "@serval/observe";
import { coalesce } from "./coalesce.ts";
import { gatewayMetrics } from "./gateway/metrics.ts";
import type { RouteTable } from "./gateway/route-table.ts";
import {
  buildRouteTable,
  endpointSource,
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
  readonly signal: AbortSignal;
  readonly log: Logger;
}

export const defaultMaxRequestBytes = 100 * 1024 * 1024;
const drainMs = 10_000;
const addressRetryMs = 5_000;

/** Keeps table and statuses up to date. @returns the current table. */
function followRoutes({ cluster, log, signal }: GatewayOptions, watched: Watched): () => RouteTable {
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
    () => (signal.aborted ? undefined : writeStatuses(cluster, watched, { invalid, now: new Date() })),
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

/** Resolves when the gateway answers; it stops with the signal (`stopped`). */
export async function runGateway(options: GatewayOptions): Promise<{ server: GatewayServer; stopped: Promise<void> }> {
  const { cluster, log, signal } = options;
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
      notReady: () => undefined,
    },
  );
  const services = options.serviceAddresses ? followServices(options, watched) : undefined;
  watched.slices.onChange(
    coalesce(
      () => server.pools.keepOnly(knownOrigins(watched.slices)),
      (error) => log.error({ error }, "connections not ended"),
    ),
  );
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => {
      services?.stop();
      void Promise.all([server.close(drainMs), services?.close()]).then(() => resolve());
    });
  });
  return { server, stopped };
}
