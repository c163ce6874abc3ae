// SPDX-License-Identifier: Apache-2.0
// Bodies in motion: streaming both ways, limits on size and silence, timeouts, clients and servers that go away.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Front, Inbox, textOf, within } from "../testing/front.ts";
import { backendRule, httpRoute } from "../testing/objects.ts";
import { compileRouteTable } from "./route-table.ts";

let front: Front;
beforeEach(() => {
  front = new Front();
});
afterEach(() => front.close());

/** A request whose body the test writes. */
const start = (headers: Record<string, string> = {}, method = "POST"): ClientRequest => {
  const request = httpRequest({ port: front.port, host: "127.0.0.1", method, headers, agent: false });
  request.on("error", () => {});
  return request;
};
const answerTo = (request: ClientRequest): Promise<IncomingMessage> =>
  within(
    "answer",
    once(request, "response").then(([response]) => response as IncomingMessage),
  );
const ended = (response: IncomingMessage): Promise<"whole" | "broken"> =>
  within(
    "end of the answer",
    new Promise((resolve) => {
      response.on("error", () => {});
      response.on("close", () => resolve(response.complete ? "whole" : "broken"));
      response.resume();
    }),
  );
const withTimeout = (request: string): void => {
  front.routes = compileRouteTable([httpRoute({ rules: [backendRule("iris", { timeouts: { request } })] })]);
};

describe("streaming", () => {
  it("an answer's events arrive one by one, each before the next is sent", async () => {
    await front.open();
    const held = await front.held();
    const request = start();
    request.end('{"stream": true}');
    const { response: model } = await held.next("request");
    model.writeHead(200, { "content-type": "text/event-stream" });
    model.flushHeaders();
    const response = await answerTo(request);
    for (const word of ["KServe", " serves", " models"]) {
      model.write(`data: ${word}\n\n`);
      const [chunk] = await within(`event ${word}`, once(response, "data"));
      assert.equal(String(chunk), `data: ${word}\n\n`);
    }
    model.end();
    assert.equal(await ended(response), "whole");
  });

  it("a request's chunks arrive one by one, and the answer may begin in between", async () => {
    await front.open();
    const held = await front.held();
    const request = start({ "transfer-encoding": "chunked" });
    request.write("one");
    const { request: seen, response: model } = await held.next("request");
    assert.equal(String((await within("first chunk", once(seen, "data")))[0]), "one");
    model.write("begun");
    const response = await answerTo(request);
    request.write("two");
    assert.equal(String((await within("second chunk", once(seen, "data")))[0]), "two");
    request.end();
    await within("end of request", once(seen, "end"));
    model.end(" and done");
    assert.equal(await textOf(response), "begun and done");
  });

  it("a large upload passes in pieces: its size is never held in memory", async () => {
    const mebibytes = 192;
    let received = 0;
    let largest = 0;
    await front.backend(async (request, response) => {
      for await (const chunk of request) received += (chunk as Buffer).length;
      response.end(String(received));
    });
    await front.open({ maxRequestBytes: (mebibytes + 1) << 20 });
    const before = process.memoryUsage().arrayBuffers;
    const request = start({ "transfer-encoding": "chunked" });
    const answer = answerTo(request);
    const piece = Buffer.alloc(1 << 20, 1);
    for (let i = 0; i < mebibytes; i++) {
      if (!request.write(piece)) await within("room for more", once(request, "drain"));
      largest = Math.max(largest, process.memoryUsage().arrayBuffers - before);
    }
    request.end();
    assert.equal(await textOf(await answer), String(mebibytes << 20));
    assert.ok(largest < 96 << 20, `held ${largest >> 20} MiB at once`);
  });

  it("a client that reads slowly slows the model server down instead of filling the gateway", async () => {
    await front.open();
    const held = await front.held();
    const request = start();
    request.end("{}");
    const { response: model } = await held.next("request");
    const size = 64 << 20;
    const piece = Buffer.alloc(256 << 10);
    let [written, received, ahead] = [0, 0, 0];
    const write = async (): Promise<void> => {
      for (; written < size; written += piece.length) if (!model.write(piece)) await once(model, "drain");
      model.end();
    };
    const read = async (): Promise<void> => {
      for await (const chunk of await answerTo(request)) {
        received += (chunk as Buffer).length;
        ahead = Math.max(ahead, written - received);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await within("everything", Promise.all([write(), read()]));
    assert.equal(received, size);
    assert.ok(ahead < 32 << 20, `the model server was ${ahead >> 20} MiB ahead of the client`);
  });
});

describe("limits", () => {
  const refusal = async (request: ClientRequest) => {
    const response = await answerTo(request);
    const { code } = JSON.parse(await textOf(response)) as { code: string };
    return `${response.statusCode} ${code}`;
  };

  it("413 for an announced length, before the body is sent and without asking the model server", async () => {
    await front.open({ maxRequestBytes: 1_000 });
    let requests = 0;
    await front.backend((_request, response) => {
      requests += 1;
      response.end();
    });
    const request = start({ "content-length": "1001", expect: "100-continue" });
    request.flushHeaders();
    assert.equal(await refusal(request), "413 SV9006");
    request.destroy();
    assert.equal(requests, 0);
  });
  it("413 for a chunked body when it grows too large; the client reads it although it is still sending", async () => {
    await front.open({ maxRequestBytes: 100_000 });
    await front.backend((request) => {
      request.resume();
    });
    const request = start({ "transfer-encoding": "chunked" });
    for (let i = 0; i < 40; i++) request.write(Buffer.alloc(10_000));
    assert.equal(await refusal(request), "413 SV9006");
    request.destroy();
  });
  it("exactly the limit passes", async () => {
    await front.open({ maxRequestBytes: 1_000 });
    await front.backend(async (request, response) => void response.end(String((await textOf(request)).length)));
    const request = start({ "content-length": "1000" });
    request.end("x".repeat(1_000));
    assert.equal(await textOf(await answerTo(request)), "1000");
  });
  for (const [name, headers] of [
    ["a small body", { "content-length": "100" }],
    ["a chunked body", { "transfer-encoding": "chunked" }],
    ["a large body", { "content-length": "900000" }],
  ] as const)
    it(`408 for a client that goes silent in the middle of ${name}`, async () => {
      await front.open({ bodyIdleMs: 100 });
      await front.backend((request) => {
        request.resume();
      });
      const request = start(headers);
      request.write("half");
      assert.equal(await refusal(request), "408 SV9011");
      request.destroy();
    });
  it("a client that takes long to send its head is closed", async () => {
    await front.open({ headMs: 100 });
    for (const begun of ["", "P", "POST / HTTP/1.1\r\nhost: a\r\n"]) {
      const { socket, received } = front.raw();
      socket.write(begun);
      const text = await within(`close after ${JSON.stringify(begun)}`, received);
      assert.ok(text === "" || text.startsWith("HTTP/1.1 408"), text);
    }
  });
});

describe("timeouts", () => {
  it("504 when there is no answer in time, and the model server is told", async () => {
    await front.open();
    withTimeout("100ms");
    const held = await front.held();
    const request = start();
    request.end("{}");
    const { request: seen } = await held.next("request");
    seen.on("error", () => {}).resume();
    const aborted = within("abort upstream", new Promise((resolve) => seen.on("close", resolve)));
    const response = await answerTo(request);
    assert.equal(response.statusCode, 504);
    assert.match(await textOf(response), /SV9007.*|within 0\.1 s/);
    await aborted;
  });
  it("half an answer ends as a broken connection, never as a whole one", async () => {
    await front.open();
    withTimeout("300ms");
    await front.backend((_request, response) => {
      response.write("half");
    });
    const request = start();
    request.end("{}");
    const response = await answerTo(request);
    assert.equal(response.statusCode, 200);
    assert.equal(await ended(response), "broken");
    assert.equal((await front.logged.next("log"))["status"], 504);
  });
  it("no timeout of its own: a route without one may take its time to begin and between events", async () => {
    await front.open();
    withTimeout("0s");
    const held = await front.held();
    const request = start();
    request.end("{}");
    const { response: model } = await held.next("request");
    model.end("late");
    assert.equal(await textOf(await answerTo(request)), "late");
  });
});

describe("someone goes away", () => {
  const phases = [
    { name: "before the answer", begin: () => {} },
    {
      name: "in the middle of the answer",
      begin: (model: { write(text: string): void }) => model.write("data: 1\n\n"),
    },
  ];
  for (const { name, begin } of phases)
    it(`the client, ${name}: the model server stops working for nobody`, async () => {
      await front.open();
      const held = await front.held();
      const request = start();
      request.end("{}");
      const { response: model } = await held.next("request");
      begin(model);
      if (name !== "before the answer") await once(await answerTo(request), "data");
      const stopped = within("abort upstream", once(model, "close"));
      request.destroy();
      await stopped;
      assert.equal(model.writableFinished, false);
      assert.equal((await front.logged.next("log"))["status"], 499);
    });
  it("the client, in the middle of its request", async () => {
    await front.open();
    const held = await front.held();
    const request = start({ "content-length": "900000" });
    request.write(Buffer.alloc(100_000));
    const { request: seen } = await held.next("request");
    seen.on("error", () => {}).resume();
    const stopped = within("abort upstream", new Promise((resolve) => seen.on("close", resolve)));
    request.destroy();
    await stopped;
    assert.equal((await front.logged.next("log"))["status"], 499);
  });
  it("the model server, in the middle of its answer: a broken connection", async () => {
    await front.open();
    const held = await front.held();
    const request = start();
    request.end("{}");
    const { response: model } = await held.next("request");
    model.write("half");
    const response = await answerTo(request);
    await once(response, "data");
    model.destroy();
    assert.equal(await ended(response), "broken");
    assert.equal((await front.logged.next("log"))["status"], 502);
  });
  it("a model server that says nothing sensible: 502", async () => {
    await front.open();
    await front.rawBackend((socket) => socket.end("220 smtp.example.com\r\n"));
    const request = start();
    request.end("{}");
    assert.equal((await answerTo(request)).statusCode, 502);
  });
});

describe("connections", () => {
  it("1,000 at once are all answered", async () => {
    await front.open();
    const waiting = new Inbox<() => void>();
    let pending = 0;
    await front.backend((_request, response) => {
      pending += 1;
      waiting.push(() => response.end("ok"));
    });
    const requests = Array.from({ length: 1_000 }, () => {
      const request = start();
      request.end("{}");
      return answerTo(request).then(textOf);
    });
    // Only when all are in the model server at the same time the first is answered.
    const release: (() => void)[] = [];
    while (release.length < 1_000) release.push(await waiting.next(`request ${pending}`));
    for (const answer of release) answer();
    const answers = await within("answers", Promise.all(requests));
    assert.equal(answers.filter((text) => text === "ok").length, 1_000);
  });
});
