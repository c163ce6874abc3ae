// SPDX-License-Identifier: Apache-2.0
// The HTTPS front as a client meets it: who may ask, what may be sent, how streams begin and end.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Status } from "@serval/api";
import { resources } from "@serval/api";
import { createCluster, remoteTransport } from "@serval/kube";
import { loadPki, type Pki } from "../../pki/index.ts";
import type { HttpFront } from "../index.ts";
import { configMap, configMaps, pod, pods, type TestServer, testServer, widget, widgets } from "../testing/servers.ts";
import { duplicateKeys } from "./duplicate-keys.ts";

let dir = "";
let pki: Pki;
let server: TestServer;
let front: HttpFront;

async function* lines(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("first\n");
  yield Buffer.from("second\n");
}

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "serval-front-"));
  pki = await loadPki(dir);
  server = await testServer({ podLogs: { readLogs: lines } });
  front = await server.server.listen({ host: "127.0.0.1", port: 0, pki });
});
after(async () => {
  await server.server.close();
  await rm(dir, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
  readonly body: Status;
}

function send(path: string, { body, ...options }: RequestOptions & { body?: string | Buffer } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(`${front.url}${path}`, { ca: pki.ca.cert, agent: false, ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = String(response.headers["content-type"]).startsWith("application/json");
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          body: (isJson ? JSON.parse(text) : {}) as Status,
        });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

const bearer = (token: string): RequestOptions => ({ headers: { authorization: `Bearer ${token}` } });
const post = (contentType: string, body: string | Buffer) => ({
  method: "POST",
  headers: { authorization: `Bearer ${pki.token}`, "content-type": contentType },
  body,
});

describe("who may ask", () => {
  it("the client certificate and the token of the home", async () => {
    assert.equal((await send(configMaps, { cert: pki.admin.cert, key: pki.admin.key })).status, 200);
    assert.equal((await send(configMaps, bearer(pki.token))).status, 200);
  });

  it("nobody else, but for health and version", async () => {
    const other = await loadPki(join(dir, "other"));
    const { status, body } = await send(configMaps);
    assert.deepEqual([status, body.reason, body.message], [401, "Unauthorized", "Unauthorized"]);
    assert.equal((await send(configMaps, bearer("wrong"))).status, 401);
    assert.equal((await send(configMaps, { cert: other.admin.cert, key: other.admin.key })).status, 401);
    for (const path of ["/healthz", "/livez", "/readyz", "/version"])
      assert.equal((await send(path)).status, 200, path);
  });

  const browsers: { name: string; headers: Record<string, string>; message: RegExp }[] = [
    {
      name: "a rebound host name",
      headers: { host: "evil.example:443" },
      message: /Host header "evil.example:443" is not a loopback name/,
    },
    {
      name: "a page of another site",
      headers: { origin: "https://evil.example" },
      message: /web page "https:\/\/evil.example" are refused/,
    },
  ];
  for (const { name, headers, message } of browsers) {
    it(`not ${name}, with a valid token either`, async () => {
      const { status, body } = await send(configMaps, {
        headers: { ...headers, authorization: `Bearer ${pki.token}` },
        checkServerIdentity: () => undefined,
      });
      assert.equal(status, 403);
      assert.match(body.message ?? "", message);
    });
  }

  it("on loopback addresses only, and says so when the port is taken", async () => {
    await assert.rejects(
      server.server.listen({ host: "0.0.0.0", port: 0, pki }),
      /only loopback addresses are allowed; use 127.0.0.1/,
    );
    await assert.rejects(
      server.server.listen({ host: "127.0.0.1", port: front.port, pki }),
      /the port is in use; stop the other process or choose another port/,
    );
  });
});

describe("bodies", () => {
  it("are JSON or YAML, read as kubectl reads YAML", async () => {
    assert.equal((await send(configMaps, post("application/json", JSON.stringify(configMap("j"))))).status, 201);
    const yaml =
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-yaml}\nimmutable: yes\ndata: {date: 2001-01-01}\n";
    const { status, text } = await send(configMaps, post("application/yaml", yaml));
    assert.equal(status, 201, text);
    const { data, immutable } = JSON.parse(text);
    assert.deepEqual([data, immutable], [{ date: "2001-01-01" }, true]);
  });

  const refusals: { name: string; contentType: string; body: string; code: number; message: RegExp }[] = [
    {
      name: "broken JSON",
      contentType: "application/json",
      body: '{"a": hunter2}',
      code: 400,
      message: /^couldn't parse the body as JSON/,
    },
    {
      name: "broken YAML",
      contentType: "application/yaml",
      body: "a: [1",
      code: 400,
      message: /^couldn't parse the body as YAML/,
    },
    {
      name: "broken protobuf",
      contentType: "application/vnd.kubernetes.protobuf",
      body: "k8s\0\x0a\x7f",
      code: 400,
      message: /protobuf/,
    },
    {
      name: "another format",
      contentType: "text/html",
      body: "<p>",
      code: 415,
      message: /accepted media types include/,
    },
    {
      name: "more than 3 MiB",
      contentType: "application/json",
      body: "x".repeat(3_200_000),
      code: 413,
      message: /^Request entity too large: limit is 3145728$/,
    },
  ];
  for (const { name, contentType, body, code, message } of refusals) {
    it(`answers ${code} to ${name}, quoting none of it`, async () => {
      const answer = await send(configMaps, post(contentType, body));
      assert.equal(answer.status, code);
      assert.match(answer.body.message ?? "", message);
      assert.doesNotMatch(answer.text, /hunter2/);
    });
  }

  it("with a field twice or unknown get Warning headers, or 400 when strict", async () => {
    const text = JSON.stringify(widget("twice", { size: 1, shape: "x" })).replace('"size":1', '"size":1,"size":1');
    const warned = await send(widgets, post("application/json", text));
    assert.equal(
      warned.headers["warning"],
      '299 - "unknown field \\"spec.shape\\"", 299 - "duplicate field \\"spec.size\\""',
    );
    const strict = await send(`${widgets}?fieldValidation=Strict`, post("application/json", text));
    assert.match(
      strict.body.message ?? "",
      /: strict decoding error: unknown field "spec.shape", duplicate field "spec.size"$/,
    );
  });
});

describe("streams", () => {
  it("carry watches and logs to the remote client, and end with it", async () => {
    const transport = remoteTransport({ server: front.url, ca: pki.ca.cert, token: pki.token });
    await using cluster = createCluster(transport);
    await server.ok("POST", pods, { body: pod("p") });
    const abort = new AbortController();
    for await (const event of cluster.watch(resources.pods, { namespace: "default", signal: abort.signal })) {
      assert.deepEqual([event.type, (event.object.metadata as { name: string }).name], ["ADDED", "p"]);
      break;
    }
    abort.abort();
    const { text, headers } = await send(`${pods}/p/log`, bearer(pki.token));
    assert.deepEqual([text, headers["content-type"]], ["first\nsecond\n", "text/plain"]);
  });
});

describe("duplicateKeys()", () => {
  const cases: { text: string; want: string[] }[] = [
    { text: '{"a":1,"b":{"a":1}}', want: [] },
    { text: '{"a":1,"a":2}', want: ["a"] },
    { text: '{"s":{"c":[{"n":"x"},{"n":"y","n":"z"}]}}', want: ["s.c[1].n"] },
    { text: '{ "a" : "}\\"{" , "\\u0061" : [ ] , "b":[[],{}] }', want: ["a"] },
    { text: "[]", want: [] },
  ];
  for (const { text, want } of cases) it(text, () => assert.deepEqual(duplicateKeys(text), want));
});
