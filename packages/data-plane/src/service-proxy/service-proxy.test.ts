// SPDX-License-Identifier: Apache-2.0
// Service addresses on this machine, over real sockets: 127.x:port reaches a ready endpoint, as kube-proxy does it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { Service } from "@serval/api";
import { within } from "../testing/front.ts";
import { LocalEndpoints, serviceObject } from "../testing/objects.ts";
import { createServiceProxy, type ServiceProxy } from "./service-proxy.ts";

const isLinux = process.platform === "linux";

describe("service addresses", { skip: isLinux ? false : "only Linux has all of 127.0.0.0/8" }, () => {
  const endpoints = new LocalEndpoints();
  let proxy: ServiceProxy;
  let errors: string[];
  let opened: { close(): void }[];
  let port: number;
  const address = "127.113.57.1";
  const iris = (): Service => ({
    ...serviceObject("iris", { clusterIP: address, ports: [{ name: "http", port }] }),
  });
  // Service ports are asked for as the test's free port; LocalEndpoints knows Services by port 80.
  const source = {
    service: (space: string, name: string) => endpoints.service(space, name) && iris(),
    slices: (space: string, name: string) => endpoints.slices(space, name),
  };

  beforeEach(async () => {
    errors = [];
    opened = [];
    proxy = createServiceProxy({ endpoints: source, random: () => 0, onError: (where) => errors.push(where) });
    const probe = await listen(() => {}, address);
    port = portOf(probe);
    await new Promise((resolve) => probe.close(resolve));
  });
  afterEach(async () => {
    await proxy.close();
    for (const server of opened) server.close();
  });

  const portOf = (server: Server): number => (server.address() as AddressInfo).port;
  const listen = async (onConnection: (socket: Socket) => void, host = "127.0.0.1"): Promise<Server> => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => {});
      onConnection(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    opened.push(server);
    return server;
  };
  /** A server that says its name and ends. */
  const named = async (name: string): Promise<number> => portOf(await listen((socket) => socket.resume().end(name)));

  /** Connects once the address is served; a reset right after it counts as a connection too. */
  const dial = async (): Promise<Socket> => {
    for (;;) {
      const socket = connect({ host: address, port, allowHalfOpen: true });
      const result = await within(
        "connection",
        new Promise<string>((resolve) => {
          socket.once("connect", () => resolve("connected"));
          socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
        }),
      );
      opened.push({ close: () => socket.destroy() });
      if (result !== "ECONNREFUSED") return socket;
    }
  };
  const hear = (socket: Socket): Promise<string> =>
    within(
      "end of connection",
      new Promise((resolve) => {
        let text = "";
        if (socket.closed) resolve(text);
        socket.on("data", (chunk) => {
          text += String(chunk);
        });
        socket.on("close", () => resolve(text));
        socket.on("end", () => socket.end());
      }),
    );
  const call = async (): Promise<string> => hear(await dial());

  it("reach the ready endpoint, and another one when it refuses", async () => {
    const dead = await listen(() => {});
    const deadPort = portOf(dead);
    await new Promise((resolve) => dead.close(resolve));
    endpoints.set("iris", [deadPort, await named("alive")]);
    proxy.sync([iris()]);
    assert.equal(await call(), "alive");
  });
  it("close the connection when there is no endpoint", async () => {
    endpoints.set("iris", []);
    proxy.sync([iris()]);
    assert.equal(await call(), "");
  });
  it("close it when every endpoint refuses", async () => {
    const dead = await listen(() => {});
    endpoints.set("iris", [portOf(dead)]);
    await new Promise((resolve) => dead.close(resolve));
    proxy.sync([iris()]);
    assert.equal(await call(), "");
  });
  it("prefer the endpoint with the fewest connections", async () => {
    const busy = portOf(await listen((socket) => socket.write("busy")));
    endpoints.set("iris", [busy, await named("free")]);
    proxy.sync([iris()]);
    const first = await dial();
    assert.equal(String((await within("greeting", once(first, "data")))[0]), "busy");
    assert.equal(await call(), "free");
  });
  it("pass both directions on, each to its own end", async () => {
    const server = await listen((socket) => {
      let received = "";
      socket.on("data", (chunk) => {
        received += String(chunk);
      });
      // It answers only when the client is done.
      socket.on("end", () => socket.end(`got ${received}`));
    });
    endpoints.set("iris", [portOf(server)]);
    proxy.sync([iris()]);
    const socket = await dial();
    const answer = hear(socket);
    socket.end("question");
    assert.equal(await answer, "got question");
  });
  it("a server that ends first still hears the rest", async () => {
    const heard = Promise.withResolvers<string>();
    const server = await listen((socket) => {
      socket.end("goodbye");
      hear(socket).then(heard.resolve);
    });
    endpoints.set("iris", [portOf(server)]);
    proxy.sync([iris()]);
    const socket = await dial();
    await within("goodbye", once(socket.resume(), "end"));
    socket.end("one more thing");
    assert.equal(await within("the rest", heard.promise), "one more thing");
  });
  it("a client that goes away ends the server's side too", async () => {
    const gone = Promise.withResolvers<void>();
    const server = await listen((socket) => {
      socket.write("hello");
      for (const event of ["end", "close"]) socket.resume().on(event, () => gone.resolve());
    });
    endpoints.set("iris", [portOf(server)]);
    proxy.sync([iris()]);
    const socket = await dial();
    await within("hello", once(socket, "data"));
    socket.resetAndDestroy();
    await within("end of the server's side", gone.promise);
  });
  it("stop being served with their Service; connections that are open stay", async () => {
    const server = await listen((socket) => socket.pipe(socket));
    endpoints.set("iris", [portOf(server)]);
    proxy.sync([iris()]);
    const socket = await dial();
    proxy.sync([]);
    const again = connect({ host: address, port });
    const [error] = await within("refusal", once(again, "error"));
    assert.equal((error as NodeJS.ErrnoException).code, "ECONNREFUSED");
    socket.write("still here");
    assert.equal(String((await within("echo", once(socket, "data")))[0]), "still here");
  });
  it("an address that goes to another Service leads there", async () => {
    endpoints.set("iris", [await named("iris")]);
    endpoints.set("wine", [await named("wine")]);
    proxy.sync([iris()]);
    assert.equal(await call(), "iris");
    proxy.sync([{ ...iris(), metadata: { name: "wine", namespace: "default" } }]);
    assert.equal(await call(), "wine");
  });
  it("a busy address is told, and the others are served", async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(port, "127.113.57.2", resolve));
    opened.push(squatter);
    endpoints.set("iris", [await named("alive")]);
    const busy = {
      ...iris(),
      metadata: { name: "busy", namespace: "default" },
      spec: { ...iris().spec, clusterIP: "127.113.57.2" },
    };
    proxy.sync([busy, iris()]);
    assert.equal(await call(), "alive");
    assert.deepEqual(errors, [`default/busy on 127.113.57.2:${port}`]);
  });
  it("headless Services and other address families are left alone", async () => {
    proxy.sync([
      serviceObject("headless", { clusterIP: "None" }),
      serviceObject("far", { clusterIP: "10.0.0.1" }),
      serviceObject("none"),
    ]);
    await proxy.close();
    assert.deepEqual(errors, []);
  });
});
