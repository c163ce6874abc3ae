// SPDX-License-Identifier: Apache-2.0
// Cluster addresses on one machine: each Service's 127.x address and port accepts connections and passes them to a ready
// endpoint, as kube-proxy does. Lives in the gateway's process, so that it stays up when the control plane does not.
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Service } from "@serval/api";
import { chooseEndpoint, type EndpointSource, loadCounter, resolveEndpoints } from "../gateway/endpoints.ts";
import { firstFreePort, reachablePort } from "./reachable-port.ts";

export interface ServiceProxyDeps {
  readonly endpoints: EndpointSource;
  readonly random?: () => number;
  /** Where a Service's port is served; default: as this user may (reachable-port.ts). */
  readonly reachable?: (port: number) => number;
  readonly onError: (where: string, error: Error) => void;
}

export interface ServiceProxy {
  /** Opens and closes listeners until they match. */
  sync(services: readonly Service[]): void;
  close(): Promise<void>;
}

interface Frontend {
  readonly address: string;
  /** Of the Service. */
  readonly port: number;
  readonly namespace: string;
  readonly service: string;
}

const isLoopback = (address: string | undefined): address is string => address?.startsWith("127.") === true;
const retryMs = 5_000;
const maxConnectAttempts = 3;
const connectTimeoutMs = 2_000;

function frontendsOf(services: readonly Service[]): Map<string, Frontend> {
  const wanted = new Map<string, Frontend>();
  for (const { metadata, spec } of services) {
    const address = spec?.clusterIP;
    if (!isLoopback(address)) continue;
    for (const { port, protocol } of spec?.ports ?? []) {
      if ((protocol ?? "TCP") !== "TCP") continue;
      wanted.set(`${address}:${port}`, {
        address,
        port,
        namespace: metadata.namespace ?? "default",
        service: metadata.name,
      });
    }
  }
  return wanted;
}

export function createServiceProxy(deps: ServiceProxyDeps): ServiceProxy {
  const { endpoints, random = Math.random, reachable = reachablePort(firstFreePort()), onError } = deps;
  const servers = new Map<string, Server>();
  /** An address may go from a deleted Service to a new one: connections ask whose it is now. */
  let frontends = new Map<string, Frontend>();
  const sockets = new Set<Socket>();
  const failedAt = new Map<string, number>();
  const load = loadCounter();

  /** Joins both ends. Each direction ends by itself: a client that is done sending still gets its answer. */
  const join = (client: Socket, upstream: Socket): void => {
    client.pipe(upstream);
    upstream.pipe(client);
  };
  const forward = (client: Socket, frontend: Frontend, tried: Set<string>): void => {
    const { ready } = resolveEndpoints(endpoints, frontend.namespace, frontend.service, frontend.port);
    const endpoint = chooseEndpoint(ready, { load, roll: random(), tried });
    if (client.destroyed) return;
    if (endpoint === undefined || tried.has(endpoint.origin) || tried.size >= maxConnectAttempts) {
      // As kube-proxy rejects: the client sees a reset, not an empty answer.
      client.resetAndDestroy();
      return;
    }
    tried.add(endpoint.origin);
    load.begin(endpoint.origin);
    const upstream = connect({ host: endpoint.address, port: endpoint.port, noDelay: true, allowHalfOpen: true });
    sockets.add(upstream);
    let isConnected = false;
    const endUpstream = (): void => {
      upstream.destroy();
    };
    client.once("close", endUpstream);
    upstream.setTimeout(connectTimeoutMs, () => upstream.destroy(new Error("no connection in time")));
    upstream.once("connect", () => {
      isConnected = true;
      upstream.setTimeout(0);
      join(client, upstream);
    });
    // A failure shows in "close"; without a listener it would end the process.
    upstream.on("error", () => {});
    upstream.once("close", (hadError) => {
      sockets.delete(upstream);
      load.end(endpoint.origin);
      client.removeListener("close", endUpstream);
      if (!isConnected) forward(client, frontend, tried);
      else if (hadError) client.resetAndDestroy();
    });
  };
  const open = (key: string, frontend: Frontend): void => {
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
      sockets.add(client);
      client.once("close", () => sockets.delete(client));
      client.on("error", () => client.destroy());
      forward(client, frontends.get(key) ?? frontend, new Set());
    });
    server.on("error", (error) => {
      servers.delete(key);
      failedAt.set(key, performance.now());
      onError(`${frontend.namespace}/${frontend.service} on ${key}`, error);
    });
    servers.set(key, server);
    server.listen({ host: frontend.address, port: reachable(frontend.port) });
  };
  return {
    sync(services) {
      const wanted = frontendsOf(services);
      frontends = wanted;
      for (const [key, server] of servers) {
        if (wanted.has(key)) continue;
        servers.delete(key);
        server.close();
      }
      for (const [key, frontend] of wanted) {
        const isCoolingDown = performance.now() - (failedAt.get(key) ?? Number.NEGATIVE_INFINITY) < retryMs;
        if (!servers.has(key) && !isCoolingDown) open(key, frontend);
      }
    },
    async close() {
      const closed = [...servers.values()].map(
        (server) => new Promise<void>((resolve) => server.close(() => resolve())),
      );
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
    },
  };
}
