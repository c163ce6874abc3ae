// SPDX-License-Identifier: Apache-2.0
// Cluster addresses on one machine: each Service's 127.x address and port accepts connections and passes them to a ready
// endpoint, as kube-proxy does. Lives in the gateway's process, so that it stays up when the control plane does not.
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Service } from "@serval/api";
import { chooseEndpoint, type EndpointSource, loadCounter, resolveEndpoints } from "../gateway/endpoints.ts";

export interface ServiceProxyDeps {
  readonly endpoints: EndpointSource;
  readonly random?: () => number;
  readonly onError: (where: string, error: Error) => void;
}

export interface ServiceProxy {
  /** Opens and closes listeners until they match. */
  sync(services: readonly Service[]): void;
  close(): Promise<void>;
}

interface Frontend {
  readonly address: string;
  readonly port: number;
  readonly namespace: string;
  readonly service: string;
}

const isLoopback = (address: string | undefined): address is string => address?.startsWith("127.") === true;
const retryMs = 5_000;
const maxConnectAttempts = 3;

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

export function createServiceProxy({ endpoints, random = Math.random, onError }: ServiceProxyDeps): ServiceProxy {
  const servers = new Map<string, Server>();
  const sockets = new Set<Socket>();
  const failedAt = new Map<string, number>();
  const load = loadCounter();

  const forward = (client: Socket, frontend: Frontend, tried: Set<string>): void => {
    const { ready } = resolveEndpoints(endpoints, frontend.namespace, frontend.service, frontend.port);
    const endpoint = chooseEndpoint(ready, { load, roll: random(), tried });
    if (endpoint === undefined || tried.size >= maxConnectAttempts) {
      client.destroy();
      return;
    }
    tried.add(endpoint.origin);
    const upstream = connect({ host: endpoint.address, port: endpoint.port, noDelay: true, timeout: 0 });
    sockets.add(upstream);
    upstream.once("connect", () => {
      load.begin(endpoint.origin);
      upstream.once("close", () => load.end(endpoint.origin));
      upstream.removeAllListeners("error");
      upstream.on("error", () => client.destroy());
      client.on("error", () => upstream.destroy());
      client.on("close", () => upstream.destroy());
      upstream.on("close", () => client.destroy());
      client.pipe(upstream);
      upstream.pipe(client);
    });
    upstream.once("error", () => {
      sockets.delete(upstream);
      upstream.destroy();
      forward(client, frontend, tried);
    });
    upstream.once("close", () => sockets.delete(upstream));
  };
  const open = (key: string, frontend: Frontend): void => {
    const server = createServer({ noDelay: true, pauseOnConnect: false, allowHalfOpen: true }, (client) => {
      sockets.add(client);
      client.once("close", () => sockets.delete(client));
      client.on("error", () => client.destroy());
      forward(client, frontend, new Set());
    });
    server.on("error", (error) => {
      servers.delete(key);
      failedAt.set(key, performance.now());
      onError(`${frontend.namespace}/${frontend.service} on ${key}`, error);
    });
    servers.set(key, server);
    server.listen({ host: frontend.address, port: frontend.port });
  };
  return {
    sync(services) {
      const wanted = frontendsOf(services);
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
