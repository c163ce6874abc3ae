// SPDX-License-Identifier: Apache-2.0
// The gateway role: informers feed the route table, the endpoints and the Service addresses; statuses are written back.

import { type HTTPRoute, keyOf, keyText, resources } from "@serval/api";
import { type Cluster, createInformer } from "@serval/kube";
import type { Logger } from "@serval/observe";
import type { EndpointSource } from "./gateway/endpoints.ts";
import { gatewayMetrics } from "./gateway/metrics.ts";
import {
  controllerName,
  gatewayClassStatus,
  gatewayStatus,
  gatewayTypes,
  routeStatus,
  writeStatus,
} from "./gateway/route-status.ts";
import { compileRouteTable, type RouteTable } from "./gateway/route-table.ts";
import { type Gateway as GatewayServer, startGateway } from "./gateway/server.ts";
import { createServiceProxy } from "./service-proxy/service-proxy.ts";

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

/** Runs `work` once per burst of calls, never twice at the same time, again after a failure. */
function coalesce(work: () => Promise<void>, onError: (error: unknown) => void): () => void {
  let [running, wanted] = [false, false];
  const run = async (): Promise<void> => {
    running = true;
    while (wanted) {
      wanted = false;
      await new Promise((resolve) => setImmediate(resolve));
      await work().catch((error: unknown) => {
        onError(error);
        setTimeout(trigger, 1_000).unref();
      });
    }
    running = false;
  };
  const trigger = (): void => {
    wanted = true;
    if (!running) void run();
  };
  return trigger;
}

function createInformers(cluster: Cluster, signal: AbortSignal, log: Logger) {
  const options = { signal, onError: (error: unknown) => log.warn({ error }, "watch failed, will retry") };
  return {
    routes: createInformer(cluster, gatewayTypes.routes, options),
    gateways: createInformer(cluster, gatewayTypes.gateways, options),
    classes: createInformer(cluster, gatewayTypes.classes, options),
    services: createInformer(cluster, resources.services, options),
    slices: createInformer(cluster, resources.endpointSlices, {
      ...options,
      indexes: {
        service: (slice) => [`${slice.metadata.namespace}/${slice.metadata.labels?.["kubernetes.io/service-name"]}`],
      },
    }),
  };
}

type Informers = ReturnType<typeof createInformers>;

const missingBackends = (route: HTTPRoute, { services }: Informers): string[] =>
  (route.spec.rules ?? []).flatMap((rule) =>
    (rule.backendRefs ?? [])
      .filter(
        (ref) => services.get({ namespace: ref.namespace ?? route.metadata.namespace, name: ref.name }) === undefined,
      )
      .map((ref) => ref.name),
  );

function createStatusWriter(
  cluster: Cluster,
  informers: Informers,
  state: { port: () => number; invalid: ReadonlyMap<string, string> },
) {
  return async (): Promise<void> => {
    const now = new Date();
    const classes = informers.classes.list().filter(({ spec }) => spec.controllerName === controllerName);
    const ours = informers.gateways
      .list()
      .filter(({ spec }) => classes.some(({ metadata }) => metadata.name === spec.gatewayClassName));
    const isOurs = ({ namespace, name }: { namespace: string; name: string }): boolean =>
      ours.some(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
    for (const gatewayClass of classes)
      await writeStatus(cluster, gatewayTypes.classes, gatewayClass, gatewayClassStatus(gatewayClass, now));
    for (const route of informers.routes.list()) {
      const status = routeStatus(route, {
        isOurs,
        missing: missingBackends(route, informers),
        invalid: state.invalid.get(keyText(keyOf(route))),
        now,
      });
      await writeStatus(cluster, gatewayTypes.routes, route, status);
    }
    for (const gateway of ours) {
      const attachedRoutes = informers.routes
        .list()
        .filter(({ spec }) => spec.parentRefs?.some(({ name }) => name === gateway.metadata.name)).length;
      await writeStatus(
        cluster,
        gatewayTypes.gateways,
        gateway,
        gatewayStatus(gateway, { address: "127.0.0.1", attachedRoutes, now }),
      );
    }
  };
}

/** Resolves when the gateway answers; it stops with the signal (`stopped`). */
export async function runGateway(options: GatewayOptions): Promise<{ server: GatewayServer; stopped: Promise<void> }> {
  const { cluster, log, signal } = options;
  const informers = createInformers(cluster, signal, log);
  const endpoints: EndpointSource = {
    service: (namespace, name) => informers.services.get({ namespace, name }),
    slices: (namespace, service) => informers.slices.byIndex("service", `${namespace}/${service}`),
  };
  let table: RouteTable = compileRouteTable([]);
  const invalid = new Map<string, string>();
  const serviceProxy = options.serviceAddresses
    ? createServiceProxy({
        endpoints,
        onError: (where, error) => log.error({ where, error }, "service address not served"),
      })
    : undefined;
  const logError = (error: unknown): void => {
    if (!signal.aborted) log.warn({ error }, "status not written, will retry");
  };
  let port = options.port;
  const writeStatuses = coalesce(createStatusWriter(cluster, informers, { port: () => port, invalid }), logError);
  const rebuild = coalesce(async () => {
    invalid.clear();
    table = compileRouteTable(informers.routes.list(), (route, error) =>
      invalid.set(keyText(keyOf(route)), error.message),
    );
    writeStatuses();
  }, logError);
  await Promise.all(Object.values(informers).map(({ synced }) => synced));
  table = compileRouteTable(informers.routes.list(), (route, error) =>
    invalid.set(keyText(keyOf(route)), error.message),
  );
  const server = await startGateway(
    { port: options.port, ...(options.host === undefined ? {} : { host: options.host }) },
    {
      routes: () => table,
      endpoints,
      metrics: gatewayMetrics(),
      accessLog: (entry) => log.info(entry, "request"),
      maxRequestBytes: options.maxRequestBytes ?? defaultMaxRequestBytes,
      notReady: () => undefined,
    },
  );
  port = server.port;
  const prunePools = coalesce(async () => {
    const origins = informers.slices
      .list()
      .flatMap((slice) =>
        (slice.endpoints ?? []).flatMap(({ addresses }) =>
          addresses.flatMap((address) => (slice.ports ?? []).map((p) => `http://${address}:${p.port}`)),
        ),
      );
    server.pools.keepOnly(new Set(origins));
  }, logError);
  informers.routes.onChange(rebuild);
  for (const informer of [informers.gateways, informers.classes]) informer.onChange(writeStatuses);
  informers.services.onChange(() => {
    serviceProxy?.sync(informers.services.list());
    writeStatuses();
  });
  informers.slices.onChange(prunePools);
  const retryAddresses = setInterval(() => serviceProxy?.sync(informers.services.list()), 5_000);
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => {
      clearInterval(retryAddresses);
      void Promise.all([server.close(drainMs), serviceProxy?.close()]).then(() => resolve());
    });
  });
  return { server, stopped };
}
