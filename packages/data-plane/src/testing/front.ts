// SPDX-License-Identifier: Apache-2.0
// A gateway with real sockets in front of real servers, for tests: one route to Service "iris" for every host unless a
// test gives its own. Everything that was started is closed at the end.
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from "node:net";
import { type GatewayMetrics, gatewayMetrics } from "../gateway/metrics.ts";
import { compileRouteTable, type RouteTable } from "../gateway/route-table.ts";
import { type Gateway, type GatewayDeps, type GatewayOptions, startGateway } from "../gateway/server.ts";
import { backendRule, httpRoute, LocalEndpoints } from "./objects.ts";

export const deadlineMs = 20_000;

/** Rejects with what was waited for. */
export async function within<T>(what: string, work: Promise<T>, ms = deadlineMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Something that a callback brings and a test waits for, in order. */
export class Inbox<T> {
  readonly #items: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];

  push(item: T): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#items.push(item);
    else next(item);
  }
  next(what: string): Promise<T> {
    const item = this.#items.shift();
    return item !== undefined
      ? Promise.resolve(item)
      : within(what, new Promise<T>((resolve) => this.#waiting.push(resolve)));
  }
}

export interface Upstream {
  readonly port: number;
  readonly server: Server;
  close(): Promise<void>;
}

export interface FrontOptions extends Omit<GatewayOptions, "port"> {
  readonly routes?: RouteTable;
  readonly maxRequestBytes?: number;
  readonly bodyIdleMs?: number;
  readonly random?: () => number;
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export class Front {
  readonly endpoints = new LocalEndpoints();
  readonly log: Record<string, unknown>[] = [];
  readonly logged = new Inbox<Record<string, unknown>>();
  readonly metrics: GatewayMetrics = gatewayMetrics();
  readonly #closers: (() => Promise<void>)[] = [];
  #gateway: Gateway | undefined;
  routes: RouteTable = compileRouteTable([httpRoute({ rules: [backendRule("iris")] })]);

  get gateway(): Gateway {
    return this.#gateway as Gateway;
  }
  get port(): number {
    return this.gateway.port;
  }
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async open({ headMs, idleMs, host, routes, ...deps }: FrontOptions = {}): Promise<this> {
    if (routes !== undefined) this.routes = routes;
    const own: GatewayDeps = {
      routes: () => this.routes,
      endpoints: this.endpoints,
      metrics: this.metrics,
      accessLog: (entry) => {
        this.log.push(entry);
        this.logged.push(entry);
      },
      maxRequestBytes: 1_000_000,
      notReady: () => undefined,
      ...deps,
    };
    const options = {
      port: 0,
      ...(headMs === undefined ? {} : { headMs }),
      ...(idleMs === undefined ? {} : { idleMs }),
      ...(host === undefined ? {} : { host }),
    };
    const gateway = await startGateway(options, own);
    this.#gateway = gateway;
    this.#closers.push(() => gateway.close(0));
    return this;
  }

  /** A model server that answers `listener`. */
  async serve(listener: RequestListener): Promise<Upstream> {
    const server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const close = (): Promise<void> => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    };
    this.#closers.push(close);
    return { server, port: (server.address() as AddressInfo).port, close };
  }

  /** As the only endpoint of Service "iris". */
  async backend(listener: RequestListener): Promise<Upstream> {
    const upstream = await this.serve(listener);
    this.endpoints.set("iris", [upstream.port]);
    return upstream;
  }

  /** A server of raw connections, as the only endpoint of Service "iris". */
  async rawBackend(onConnection: (socket: Socket) => void): Promise<void> {
    const open = new Set<Socket>();
    const server = createNetServer((socket) => {
      open.add(socket.on("error", () => {}));
      onConnection(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.endpoints.set("iris", [(server.address() as AddressInfo).port]);
    this.#closers.push(() => {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    });
  }

  /** A server that gives its requests to the test. */
  async held(): Promise<Inbox<Exchange> & { upstream: Upstream }> {
    const inbox = new Inbox<Exchange>();
    const upstream = await this.backend((request, response) => inbox.push({ request, response }));
    return Object.assign(inbox, { upstream });
  }

  /** A connection for raw bytes, and everything that comes back until it ends. */
  raw(): { socket: Socket; received: Promise<string> } {
    const socket = connect(this.port, "127.0.0.1");
    this.#closers.push(async () => {
      socket.destroy();
    });
    const received = new Promise<string>((resolve) => {
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(text));
    });
    return { socket, received };
  }

  /** A port that nobody listens on. */
  async deadPort(): Promise<number> {
    const upstream = await this.serve(() => {});
    await upstream.close();
    return upstream.port;
  }

  async close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
  }
}

export async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  return text;
}
