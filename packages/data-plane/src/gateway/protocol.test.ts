// SPDX-License-Identifier: Apache-2.0
// HTTP/2 without TLS on the same port, gRPC's refusal, and requests that are written to be read in two ways.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import { promisify } from "node:util";
import { Front, textOf, within } from "../testing/front.ts";

let front: Front;
let session: ClientHttp2Session | undefined;
beforeEach(async () => {
  front = await new Front().open();
});
afterEach(async () => {
  session?.destroy();
  session = undefined;
  await front.close();
});

const client = (): ClientHttp2Session => {
  session ??= connect(front.url);
  session.on("error", () => {});
  return session;
};
const headersOf = (stream: ClientHttp2Stream): Promise<IncomingHttpHeaders & { ":status"?: number }> =>
  within(
    "response headers",
    once(stream, "response").then(([headers]) => headers),
  );

describe("HTTP/2 with prior knowledge", () => {
  const echo = () =>
    front.backend(async (request, response) => {
      const body = await textOf(request);
      response.setHeader("x-hop", "1");
      response.setHeader("connection", "keep-alive, x-hop");
      response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }));
    });

  it("becomes HTTP/1.1 for the model server, with Host from :authority", async () => {
    await echo();
    const stream = client().request({
      ":method": "POST",
      ":path": "/v1/models/iris:predict?a=b",
      ":authority": "iris.test:8080",
      "content-type": "application/json",
    });
    stream.end('{"instances": []}');
    const headers = await headersOf(stream);
    assert.equal(headers[":status"], 200);
    assert.equal(headers["x-hop"], undefined);
    const seen = JSON.parse(await textOf(stream));
    assert.deepEqual(
      [seen.method, seen.url, seen.body, seen.headers.host],
      ["POST", "/v1/models/iris:predict?a=b", '{"instances": []}', "iris.test:8080"],
    );
    assert.equal(seen.headers["x-forwarded-for"], "127.0.0.1");
  });
  it("GET has no body", async () => {
    await echo();
    const stream = client().request({ ":path": "/v2/health/ready" });
    const seen = JSON.parse(await textOf(stream));
    assert.deepEqual([seen.method, seen.body, seen.headers["transfer-encoding"]], ["GET", "", undefined]);
  });
  it("HEAD and 204 end without data", async () => {
    await front.backend((request, response) => response.writeHead(request.method === "HEAD" ? 200 : 204).end());
    for (const [method, status] of [
      ["HEAD", 200],
      ["DELETE", 204],
    ] as const) {
      const stream = client().request({ ":method": method });
      assert.equal((await headersOf(stream))[":status"], status);
      assert.equal(await textOf(stream), "");
    }
  });
  it("streams side by side, each event as it comes", async () => {
    const held = await front.held();
    const streams = ["a", "b"].map((name) => client().request({ ":path": `/${name}` }));
    const [first, second] = [await held.next("one"), await held.next("two")];
    for (const word of ["1", "2"])
      for (const { request, response } of [first, second]) {
        response.write(word);
        const stream = streams[request.url === "/a" ? 0 : 1] as ClientHttp2Stream;
        const [chunk] = await within("event", once(stream, "data"));
        assert.equal(String(chunk), word);
      }
    first.response.end();
    second.response.end();
  });
  it("a client that cancels its stream stops the model server; the connection goes on", async () => {
    const held = await front.held();
    const stream = client().request({ ":path": "/" });
    stream.on("error", () => {});
    const { response: model } = await held.next("request");
    model.write("data");
    await headersOf(stream);
    const stopped = within("abort upstream", once(model, "close"));
    stream.close(constants.NGHTTP2_CANCEL);
    await stopped;
    assert.equal(client().destroyed, false);
    const again = client().request({ ":path": "/" });
    (await held.next("request after it")).response.end("fine");
    assert.equal(await textOf(again), "fine");
  });
  it("a model server that breaks off resets the stream", async () => {
    const held = await front.held();
    const stream = client().request({ ":path": "/" });
    const { response: model } = await held.next("request");
    model.write("half");
    await headersOf(stream);
    const failed = within("reset", once(stream, "error"));
    model.destroy();
    await failed;
    assert.notEqual(stream.rstCode, constants.NGHTTP2_NO_ERROR);
  });
  it("refusals are JSON here too", async () => {
    const stream = client().request({ ":method": "POST", ":path": "/" });
    stream.end("{}");
    assert.equal((await headersOf(stream))[":status"], 500);
    assert.equal(JSON.parse(await textOf(stream)).code, "SV9002");
  });
  it("a connection without requests is closed, one with a request is not", async () => {
    const impatient = await new Front().open({ idleMs: 100 });
    try {
      const held = await impatient.held();
      const idle = connect(impatient.url);
      const closed = within("close of the idle connection", once(idle, "close"));
      const busy = connect(impatient.url);
      const stream = busy.request({ ":path": "/" });
      const { response: model } = await held.next("request");
      // The idle one came first, and its time was over first.
      await closed;
      model.end("still here");
      assert.equal(await textOf(stream), "still here");
      busy.destroy();
    } finally {
      await impatient.close();
    }
  });
  it("a status that HTTP/2 cannot carry is a 502", async () => {
    await front.backend((_request, response) => response.writeHead(999).end());
    const stream = client().request({ ":method": "POST", ":path": "/" });
    stream.end("{}");
    assert.equal((await headersOf(stream))[":status"], 502);
  });
  it("gRPC is refused in gRPC's own words", async () => {
    const stream = client().request({
      ":method": "POST",
      ":path": "/inference.GRPCInferenceService/ModelInfer",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.end(Buffer.from([0, 0, 0, 0, 0]));
    const headers = await headersOf(stream);
    assert.deepEqual(
      [headers[":status"], headers["grpc-status"], headers["content-type"]],
      [200, "12", "application/grpc"],
    );
    assert.match(String(headers["grpc-message"]), /gRPC is not served/);
  });
  it("curl agrees", async (t) => {
    await echo();
    const run = promisify(execFile)("curl", [
      "-sS",
      "--max-time",
      "20",
      "--http2-prior-knowledge",
      "-w",
      " %{http_version} %{http_code}",
      "-d",
      "{}",
      `${front.url}/v1`,
    ]);
    const result = await run.catch((error: Error & { code?: string | number }) => error);
    // 2: this curl was built without HTTP/2.
    if (result instanceof Error) return t.skip(`no curl with HTTP/2 here: ${result.message.split("\n")[0]}`);
    assert.match(result.stdout, / 2 200$/);
  });
});

describe("the first bytes of a connection", () => {
  const beginnings = [
    { name: "HTTP/1.1 byte by byte", bytes: "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" },
    { name: "a method that begins like HTTP/2", bytes: "PROPFIND / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" },
  ];
  for (const { name, bytes } of beginnings)
    it(name, async () => {
      await front.backend((_request, response) => response.end("ok"));
      const { socket, received } = front.raw();
      socket.setNoDelay(true);
      for (const byte of bytes) {
        socket.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.match(await within("answer", received), /^HTTP\/1.1 200 OK/);
    });
  for (const bytes of ["\0\0\0\0", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "PRI nonsense", "\x16\x03\x01\x02\0\x01"])
    it(`nonsense ends that connection and no other: ${JSON.stringify(bytes)}`, async () => {
      const { socket, received } = front.raw();
      socket.end(bytes);
      await within("end", received);
      await front.backend((_request, response) => response.end("ok"));
      assert.equal(await (await fetch(front.url)).text(), "ok");
    });
});

describe("requests that could be read in two ways are refused, and nothing of them reaches a model server", () => {
  const cases = [
    { name: "two lengths", head: "content-length: 5\r\ncontent-length: 6" },
    { name: "a list of lengths", head: "content-length: 5, 6" },
    { name: "length and chunked", head: "content-length: 5\r\ntransfer-encoding: chunked" },
    { name: "chunked twice with another in between", head: "transfer-encoding: chunked, identity" },
    { name: "an unknown transfer encoding", head: "transfer-encoding: xchunked" },
    { name: "a negative length", head: "content-length: -1" },
    { name: "a length with a sign", head: "content-length: +5" },
    { name: "a hexadecimal length", head: "content-length: 0x5" },
    { name: "a space before the colon", head: "content-length : 5" },
    { name: "a folded header", head: "x-a: 1\r\n content-length: 5" },
    { name: "bare line feeds", head: "x-a: 1\ncontent-length: 5" },
    { name: "a bare carriage return", head: "x-a: 1\rcontent-length: 5" },
    { name: "a zero byte in a header", head: "x-a: 1\0" },
    { name: "no header name", head: ": 5" },
    { name: "a head above the limit", head: `x-a: ${"a".repeat(70_000)}` },
  ];
  for (const { name, head } of cases)
    it(name, async () => {
      let requests = 0;
      await front.backend((_request, response) => {
        requests += 1;
        response.end("reached");
      });
      const { socket, received } = front.raw();
      socket.write(`POST /v1 HTTP/1.1\r\nhost: a\r\n${head}\r\n\r\nhello`);
      const text = await within("refusal", received);
      assert.match(text, /^HTTP\/1\.1 4(00|31) /);
      assert.equal(requests, 0);
    });
  for (const start of ["OPTIONS * HTTP/1.1", "GET nowhere HTTP/1.1", "CONNECT model:80 HTTP/1.1"])
    it(`a target that is no path reaches nobody: ${start}`, async () => {
      let requests = 0;
      await front.backend((_request, response) => {
        requests += 1;
        response.end("reached");
      });
      const { socket, received } = front.raw();
      socket.write(`${start}\r\nhost: a\r\nconnection: close\r\n\r\n`);
      assert.match(await within("refusal", received), /^(HTTP\/1\.1 4\d\d |$)/);
      assert.equal(requests, 0);
    });
  it("no Host in HTTP/1.1", async () => {
    const { socket, received } = front.raw();
    socket.write("GET / HTTP/1.1\r\n\r\n");
    assert.match(await within("refusal", received), /^HTTP\/1\.1 400 /);
  });
  it("a chunk that is longer than it says does not become a second request", async () => {
    const urls: string[] = [];
    await front.backend((request, response) => {
      urls.push(request.url ?? "");
      request.resume();
      response.end("ok");
    });
    const { socket, received } = front.raw();
    socket.write(
      "POST /first HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloGET /second HTTP/1.1\r\nhost: a\r\n\r\n",
    );
    await within("end", received);
    assert.ok(!urls.includes("/second"), urls.join());
  });
  it("pipelined requests are answered in order", async () => {
    await front.backend(async (request, response) => void response.end(`<${request.url} ${await textOf(request)}>`));
    const { socket, received } = front.raw();
    socket.write(
      "POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\noneGET /2 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    );
    assert.deepEqual((await within("answers", received)).match(/<[^>]*>/g), ["</1 one>", "</2 >"]);
  });
});

describe("damaged bytes", () => {
  const http1 =
    "POST /v1/models/iris:predict HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  // Preface, SETTINGS, HEADERS of a GET (static table entries), PING, WINDOW_UPDATE.
  const http2 = `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${["000000040000000000", "00000301050000000182868a", "0000080600000000000102030405060708", "00000408000000000000010000"].map((frame) => Buffer.from(frame, "hex").toString("latin1")).join("")}`;
  const seed = 20_261_124;

  /** Numbers below 2^32 from a linear congruential generator (Numerical Recipes). */
  const numbers = (): (() => number) => {
    let state = seed;
    return () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 8;
    };
  };
  for (const [name, text] of Object.entries({ http1, http2 }))
    it(`of ${name} never end the gateway: 300 connections, seed ${seed}`, async () => {
      await front.backend((request, response) => {
        request.resume();
        response.end("ok");
      });
      const next = numbers();
      for (let round = 0; round < 30; round++) {
        const sockets = Array.from({ length: 10 }, () => {
          const bytes = Buffer.from(text, "latin1");
          for (let i = 0; i < 1 + (next() % 4); i++) bytes[next() % bytes.length] = next() & 255;
          const { socket } = front.raw();
          socket.end(bytes.subarray(0, 1 + (next() % bytes.length)));
          return socket;
        });
        // A reset is an end too.
        const sent = (socket: Socket) =>
          new Promise<unknown>((resolve) => {
            if (socket.closed) resolve(undefined);
            for (const event of ["finish", "error", "close"]) socket.once(event, resolve);
          });
        await within("damaged bytes", Promise.all(sockets.map(sent)));
        // What it answers now it answers after them.
        assert.equal(await (await fetch(front.url)).text(), "ok");
        for (const socket of sockets) socket.destroy();
      }
      assert.equal(await (await fetch(front.url)).text(), "ok");
    });
});
