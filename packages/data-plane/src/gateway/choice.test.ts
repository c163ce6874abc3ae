// SPDX-License-Identifier: Apache-2.0
// Several endpoints and several backends: shares, load, another endpoint after a failure, endpoints and gateways that go.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type RequestListener } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Front, Inbox, textOf, type Upstream, within } from "../testing/front.ts";
import { backendRule, httpRoute } from "../testing/objects.ts";
import { compileRouteTable } from "./route-table.ts";

let front: Front;
beforeEach(async () => {
  front = new Front();
});
afterEach(() => front.close());

const named =
  (name: string): RequestListener =>
  (request, response) => {
    request.resume();
    response.end(name);
  };
const ask = async (method = "POST", body: string | null = method === "POST" ? "{}" : null): Promise<string> => {
  const response = await within("answer", fetch(front.url, { method, body }));
  return response.ok ? response.text() : `${response.status}`;
};
const log = (what: string) => front.logged.next(what);

describe("shares between backends", () => {
  it("90 to 10 over 10,000 requests, within four standard deviations", async () => {
    await front.open();
    const [stable, canary] = [await front.serve(named("stable")), await front.serve(named("canary"))];
    front.endpoints.set("stable", [stable.port]);
    front.endpoints.set("canary", [canary.port]);
    const backendRefs = [
      { name: "stable", port: 80, weight: 90 },
      { name: "canary", port: 80, weight: 10 },
    ];
    front.routes = compileRouteTable([httpRoute({ rules: [{ backendRefs }] })]);
    const total = 10_000;
    let [sent, canaries] = [0, 0];
    const client = async (): Promise<void> => {
      while (sent++ < total) if ((await ask("GET")) === "canary") canaries += 1;
    };
    await within("all requests", Promise.all(Array.from({ length: 32 }, client)), 120_000);
    const deviation = Math.sqrt(total * 0.1 * 0.9);
    assert.ok(Math.abs(canaries - total * 0.1) < 4 * deviation, `${canaries} of ${total}`);
  });
  it("a backend that cannot be used gets its share of errors; the other one works", async () => {
    const rolls = [0.1, 0.6];
    await front.open({ random: () => rolls[0] as number });
    await front.backend(named("iris"));
    const backendRefs = [
      { name: "iris", port: 80 },
      { name: "missing", port: 80 },
    ];
    front.routes = compileRouteTable([httpRoute({ rules: [{ backendRefs }] })]);
    assert.equal(await ask(), "iris");
    rolls.shift();
    assert.equal(await ask(), "500");
  });
});

describe("endpoints", () => {
  it("the least busy one is asked", async () => {
    await front.open({ random: () => 0 });
    const inbox = new Inbox<() => void>();
    const slow = await front.serve((_request, response) => inbox.push(() => response.end("slow")));
    const quick = await front.serve(named("quick"));
    front.endpoints.set("iris", [slow.port, quick.port]);
    const first = ask();
    const release = await inbox.next("first request");
    assert.deepEqual([await ask(), await ask(), await ask()], ["quick", "quick", "quick"]);
    release();
    assert.equal(await first, "slow");
  });

  const bodies = [
    { name: "a small body", method: "POST", body: '{"instances": [1]}' },
    { name: "no body", method: "GET", body: null },
  ];
  for (const { name, method, body } of bodies)
    it(`a refused connection: another endpoint gets the request, with ${name}`, async () => {
      await front.open({ random: () => 0 });
      const alive = await front.serve(async (request, response) => void response.end(`got ${await textOf(request)}`));
      front.endpoints.set("iris", [await front.deadPort(), alive.port]);
      assert.equal(await ask(method, body), `got ${body ?? ""}`);
      assert.equal((await log("log"))["attempts"], 2);
    });
  it("a body that passes through is not sent twice", async () => {
    await front.open({ random: () => 0 });
    const alive = await front.serve(named("alive"));
    front.endpoints.set("iris", [await front.deadPort(), alive.port]);
    assert.equal(await ask("POST", "x".repeat(300_000)), "502");
  });

  /** A server that dies on every request, and one that would answer. */
  const deadly = async (): Promise<{ killed: () => number; deadly: Upstream; alive: Upstream }> => {
    let killed = 0;
    const bad = await front.serve((request) => {
      killed += 1;
      request.socket.destroy();
    });
    const alive = await front.serve(named("alive"));
    front.endpoints.set("iris", [bad.port, alive.port]);
    return { killed: () => killed, deadly: bad, alive };
  };
  it("a request that killed its server is not handed to the next one", async () => {
    await front.open({ random: () => 0 });
    const { killed } = await deadly();
    assert.equal(await ask(), "502");
    assert.equal(killed(), 1);
  });
  it("one that changes nothing may be", async () => {
    await front.open({ random: () => 0 });
    await deadly();
    assert.equal(await ask("GET"), "alive");
  });
  it("nor is one whose server was being taken away and closed its connection", async () => {
    await front.open({ random: () => 0 });
    const alive = await front.serve(named("alive"));
    const leaving = await front.serve((request) => {
      front.endpoints.set("iris", [alive.port]);
      request.socket.destroy();
    });
    front.endpoints.set("iris", [leaving.port, alive.port]);
    assert.equal(await ask(), "alive");
  });
  it("after three failures the client is told", async () => {
    await front.open({ random: () => 0 });
    const dead = [await front.deadPort(), await front.deadPort(), await front.deadPort(), await front.deadPort()];
    front.endpoints.set("iris", dead);
    assert.equal(await ask(), "502");
    assert.equal((await log("log"))["attempts"], 3);
  });
});

describe("an endpoint that goes away", () => {
  it("finishes what it has; new requests go elsewhere; its connections are closed", async () => {
    await front.open({ random: () => 0 });
    const held = await front.held();
    const running = ask();
    const { response: model } = await held.next("request");
    model.write("begun ");
    const next = await front.serve(named("next"));
    front.endpoints.set("iris", [next.port]);
    front.gateway.pools.keepOnly(new Set([`http://127.0.0.1:${next.port}`]));
    assert.deepEqual([await ask(), await ask()], ["next", "next"]);
    const closed = within("connection closed", once(model.socket as NodeJS.EventEmitter, "close"));
    model.end("and done");
    assert.equal(await running, "begun and done");
    await closed;
    assert.deepEqual(front.gateway.pools.origins, [`http://127.0.0.1:${next.port}`]);
  });
  it("comes back and is used again", async () => {
    await front.open();
    const upstream = await front.backend(named("iris"));
    assert.equal(await ask(), "iris");
    front.gateway.pools.keepOnly(new Set());
    assert.deepEqual(front.gateway.pools.origins, []);
    assert.equal(await ask(), "iris");
    assert.deepEqual(front.gateway.pools.origins, [`http://127.0.0.1:${upstream.port}`]);
  });
});

describe("a gateway that leaves", () => {
  it("still answers everybody, and sends every client to another connection", async () => {
    await front.open();
    const held = await front.held();
    const http2 = connectHttp2(front.url);
    const stream = http2.request({ ":path": "/" });
    const begun = await held.next("HTTP/2 request");
    begun.response.write("begun ");
    const goAway = within("GOAWAY", once(http2, "goaway"));
    front.gateway.sendAway();
    await goAway;
    const asked = fetch(front.url);
    (await held.next("a request after it was told to leave")).response.end("answered");
    const answer = await within("answer", asked);
    assert.deepEqual([answer.headers.get("connection"), await answer.text()], ["close", "answered"]);
    begun.response.end("and done");
    assert.equal(await textOf(stream), "begun and done");
  });
});

describe("a gateway that ends", () => {
  it("finishes requests in flight, refuses new connections, and does not wait for idle ones", async () => {
    await front.open();
    const held = await front.held();
    // An idle connection that is kept alive.
    const idle = front.raw();
    idle.socket.write("GET /-/healthz HTTP/1.1\r\nhost: a\r\n\r\n");
    await within("health", once(idle.socket, "data"));
    // A silent one.
    const silent = front.raw();
    await once(silent.socket, "connect");
    const request = httpRequest({ port: front.port, host: "127.0.0.1", method: "GET" });
    request.end();
    const http2 = connectHttp2(front.url);
    const stream = http2.request({ ":path": "/" });
    const exchanges = [await held.next("HTTP/1.1 request"), await held.next("HTTP/2 request")];
    for (const { response } of exchanges) response.write("begun ");
    const [response] = await within("answer", once(request, "response"));
    const closed = within("close", front.gateway.close(60_000));
    await within("idle connections closed", Promise.all([idle.received, silent.received]));
    await assert.rejects(fetch(front.url));
    for (const { response: model } of exchanges) model.end("and done");
    assert.deepEqual([await textOf(response), await textOf(stream)], ["begun and done", "begun and done"]);
    // Nothing but those two was waited for: far below the drain time.
    await closed;
  });
  it("breaks off what does not end in time", async () => {
    await front.open();
    const held = await front.held();
    const request = httpRequest({ port: front.port, host: "127.0.0.1", method: "GET" });
    request.end();
    const http2 = connectHttp2(front.url);
    http2.on("error", () => {});
    http2.request({ ":path": "/" }).on("error", () => {});
    const failed = within("broken connection", once(request, "error"));
    await held.next("one");
    await held.next("two");
    await within("close", Promise.all([front.gateway.close(50), failed.catch(() => {})]));
  });
});

describe("routes", () => {
  it("change between two requests of one connection", async () => {
    await front.open();
    const upstream = await front.backend(named("iris"));
    front.endpoints.set("wine", [upstream.port]);
    assert.equal(await ask(), "iris");
    front.routes = compileRouteTable([httpRoute({ rules: [backendRule("nobody")] })]);
    assert.equal(await ask(), "500");
    front.routes = compileRouteTable([httpRoute({ rules: [backendRule("wine")] })]);
    assert.equal(await ask(), "iris");
  });
});
