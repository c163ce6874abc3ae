// SPDX-License-Identifier: Apache-2.0
// The gateway over real sockets: what reaches a model server, what comes back, and what is refused with which words.
import assert from "node:assert/strict";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Front, textOf, within } from "../testing/front.ts";
import { backendRule, httpRoute } from "../testing/objects.ts";
import { compileRouteTable } from "./route-table.ts";

let front: Front;
beforeEach(() => {
  front = new Front();
});
afterEach(() => front.close());

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly raw: string[];
  readonly body: string;
}

/** node:http's own client: it sends what it is told, Host and duplicates included. */
function send(options: {
  path?: string;
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: string;
}): Promise<Answer> {
  const { path = "/", method = "GET", headers = {}, body } = options;
  return within(
    `answer to ${method} ${path}`,
    new Promise((resolve, reject) => {
      const request = httpRequest(
        { port: front.port, host: "127.0.0.1", path, method, headers, agent: false },
        (response) => {
          textOf(response).then(
            (text) =>
              resolve({
                status: response.statusCode ?? 0,
                headers: response.headers,
                raw: response.rawHeaders,
                body: text,
              }),
            reject,
          );
        },
      );
      request.on("error", reject);
      request.end(body);
    }),
  );
}

/** Answers with what it received. */
const echo = async (): Promise<void> => {
  await front.backend((request, response) => {
    textOf(request).then((body) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }));
    });
  });
};
const seen = (answer: Answer) =>
  JSON.parse(answer.body) as { method: string; url: string; headers: Record<string, string>; body: string };

describe("what reaches the model server", () => {
  beforeEach(async () => {
    await echo();
    await front.open();
  });

  it("method, path, query and body as they came", async () => {
    const path = "/v2/models/a%2Fb%20c/../infer//x?y=%00&z=é".replace("é", "%C3%A9");
    const answer = seen(await send({ method: "POST", path, body: '{"inputs": []}' }));
    assert.deepEqual([answer.method, answer.url, answer.body], ["POST", path, '{"inputs": []}']);
  });
  it("Host as the client wrote it, and who asked", async () => {
    const { headers } = seen(await send({ headers: { host: "Iris.Example.com:8080" } }));
    assert.equal(headers["host"], "Iris.Example.com:8080");
    assert.equal(headers["x-forwarded-for"], "127.0.0.1");
    assert.equal(headers["x-forwarded-host"], "Iris.Example.com:8080");
    assert.equal(headers["x-forwarded-proto"], "http");
  });
  it("proxies in front are kept", async () => {
    const { headers } = seen(
      await send({
        headers: {
          "x-forwarded-for": "10.0.0.1, 10.0.0.2",
          "x-forwarded-host": "public.test",
          "x-forwarded-proto": "https",
        },
      }),
    );
    assert.equal(headers["x-forwarded-for"], "10.0.0.1, 10.0.0.2, 127.0.0.1");
    assert.equal(headers["x-forwarded-host"], "public.test");
    assert.equal(headers["x-forwarded-proto"], "https");
  });
  it("nothing that is about the client's connection alone", async () => {
    const sent = {
      connection: "close, x-mine",
      "x-mine": "1",
      "keep-alive": "timeout=5",
      te: "trailers",
      "proxy-connection": "keep-alive",
      upgrade: "h2c",
      "x-kept": "2",
    };
    const { headers } = seen(await send({ headers: sent }));
    for (const name of ["x-mine", "keep-alive", "te", "proxy-connection", "upgrade"])
      assert.equal(headers[name], undefined, name);
    assert.equal(headers["x-kept"], "2");
    assert.equal(headers["connection"], "keep-alive");
  });
  it("a chunked body", async () => {
    const answer = await send({ method: "POST", headers: { "transfer-encoding": "chunked" }, body: "chunked body" });
    assert.equal(seen(answer).body, "chunked body");
    assert.equal(seen(answer).headers["transfer-encoding"], "chunked");
  });
  it("a body after 100 Continue", async () => {
    const { socket, received } = front.raw();
    socket.write(
      "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n",
    );
    const first = await within(
      "100 Continue",
      new Promise<string>((resolve) => socket.once("data", (chunk) => resolve(chunk.toString()))),
    );
    assert.match(first, /^HTTP\/1.1 100 Continue\r\n/);
    socket.write("hello");
    const text = await within("answer", received);
    assert.match(text, /HTTP\/1.1 200 OK/);
    assert.match(text, /"body":"hello"/);
    assert.doesNotMatch(text, /"expect"/);
  });
  it("the rule's header changes and rewritten path", async () => {
    const filters = [
      {
        type: "RequestHeaderModifier" as const,
        requestHeaderModifier: {
          set: [{ name: "KServe-Isvc-Name", value: "iris" }],
          add: [{ name: "X-A", value: "2" }],
          remove: ["X-Secret"],
        },
      },
      {
        type: "URLRewrite" as const,
        urlRewrite: { hostname: "inner.test", path: { type: "ReplacePrefixMatch" as const, replacePrefixMatch: "/" } },
      },
    ];
    front.routes = compileRouteTable([
      httpRoute({ rules: [backendRule("iris", { matches: [{ path: { value: "/models" } }], filters })] }),
    ]);
    const answer = seen(
      await send({ path: "/models/v1?q=1", headers: { host: "outer.test", "x-a": "1", "x-secret": "s" } }),
    );
    assert.equal(answer.url, "/v1?q=1");
    assert.equal(answer.headers["kserve-isvc-name"], "iris");
    assert.equal(answer.headers["x-a"], "1, 2");
    assert.equal(answer.headers["x-secret"], undefined);
    assert.equal(answer.headers["host"], "inner.test");
    assert.equal(answer.headers["x-forwarded-host"], "outer.test");
  });
  it("the service's own path behind /serving/<namespace>/<name>", async () => {
    front.routes = compileRouteTable([
      httpRoute({ name: "iris", hostnames: ["iris.test"], rules: [backendRule("iris")] }),
    ]);
    assert.equal(seen(await send({ path: "/serving/default/iris/v1/models?a=b" })).url, "/v1/models?a=b");
    assert.equal((await send({ path: "/serving/default/wine/v1" })).status, 404);
  });
});

describe("what comes back", () => {
  beforeEach(() => front.open());

  it("status, repeated headers, and only end-to-end ones", async () => {
    await front.backend((_request, response) => {
      response.writeHead(
        418,
        [
          ["set-cookie", "a=1"],
          ["set-cookie", "b=2"],
          ["x-own", "1"],
          ["connection", "close, x-hop"],
          ["x-hop", "1"],
          ["keep-alive", "timeout=9"],
        ].flat(),
      );
      response.end("teapot");
    });
    const answer = await send({});
    assert.equal(answer.status, 418);
    assert.deepEqual(answer.headers["set-cookie"], ["a=1", "b=2"]);
    assert.equal(answer.headers["x-own"], "1");
    assert.equal(answer.headers["x-hop"], undefined);
    assert.notEqual(answer.headers["keep-alive"], "timeout=9");
    assert.equal(answer.body, "teapot");
  });
  it("HEAD: the length without the body", async () => {
    await front.backend((_request, response) => response.writeHead(200, { "content-length": "1234" }).end());
    const answer = await send({ method: "HEAD" });
    assert.deepEqual([answer.status, answer.headers["content-length"], answer.body], [200, "1234", ""]);
  });
  for (const status of [204, 304])
    it(`${status} has no body and no length`, async () => {
      await front.backend((_request, response) => response.writeHead(status, { etag: '"1"' }).end());
      const answer = await send({});
      assert.deepEqual(
        [
          answer.status,
          answer.body,
          answer.headers["transfer-encoding"],
          answer.headers["content-length"],
          answer.headers["etag"],
        ],
        [status, "", undefined, undefined, '"1"'],
      );
    });
  it("early hints are not taken for the answer", async () => {
    await front.backend((_request, response) => {
      response.writeEarlyHints({ link: "</style.css>; rel=preload" });
      response.end("late");
    });
    assert.equal((await send({})).body, "late");
  });
});

describe("refusals", () => {
  const codeOf = (answer: Answer): string => {
    const { error, code } = JSON.parse(answer.body) as { error: string; code: string };
    assert.ok(error.length > 10);
    assert.equal(answer.headers["content-type"], "application/json");
    return `${answer.status} ${code}`;
  };
  beforeEach(() => front.open());

  it("no route: names host and path, never the query", async () => {
    front.routes = compileRouteTable([]);
    const answer = await send({ path: "/v1?token=secret", headers: { host: "nobody.test:80" } });
    assert.equal(codeOf(answer), "404 SV9001");
    assert.match(answer.body, /nobody\.test.*\/v1/);
    assert.doesNotMatch(answer.body, /secret/);
  });
  const rules = [
    { name: "a Service that does not exist", rule: backendRule("nobody"), code: "500 SV9002" },
    {
      name: "a port that the Service has not",
      rule: { backendRefs: [{ name: "empty", port: 81 }] },
      code: "500 SV9002",
    },
    { name: "no ready endpoint", rule: backendRule("empty"), code: "503 SV9003" },
    { name: "every weight is 0", rule: { backendRefs: [{ name: "empty", port: 80, weight: 0 }] }, code: "500 SV9004" },
    {
      name: "a filter that is not supported",
      rule: backendRule("empty", {
        filters: [{ type: "RequestMirror" as const, requestMirror: { backendRef: { name: "x" } } }],
      }),
      code: "500 SV9005",
    },
  ];
  for (const { name, rule, code } of rules)
    it(name, async () => {
      front.endpoints.set("empty", []);
      front.routes = compileRouteTable([httpRoute({ rules: [rule] })]);
      assert.equal(codeOf(await send({})), code);
    });
  it("an endpoint that nobody serves", async () => {
    front.endpoints.set("iris", [await front.deadPort()]);
    const answer = await send({ method: "POST", body: "{}" });
    assert.equal(codeOf(answer), "502 SV9008");
    assert.match(answer.body, /ECONNREFUSED/);
  });
  it("websockets", async () => {
    const { socket, received } = front.raw();
    socket.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    assert.match(await within("refusal", received), /^HTTP\/1.1 501 [\s\S]*SV9010/);
  });
  it("an offer to upgrade to HTTP/2 is ignored, as Java's client expects", async () => {
    await front.backend((_request, response) => response.end("plain"));
    const answer = await send({
      headers: { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "AAMAAABkAAQAAP__" },
    });
    assert.deepEqual([answer.status, answer.body], [200, "plain"]);
  });
});

describe("the gateway's own paths, log and metrics", () => {
  it("answers health and readiness itself, whatever the host", async () => {
    await front.open();
    for (const [path, status] of [
      ["/-/healthz", 200],
      ["/-/readyz", 200],
      ["/-/other", 404],
    ] as const)
      assert.equal((await send({ path, headers: { host: "iris.test" } })).status, status, path);
  });
  it("counts requests under KServe's name, and logs one line each without query and bodies", async () => {
    await echo();
    await front.open();
    await send({ method: "POST", path: "/v1/models/iris:predict?token=secret", body: '{"instances": ["private"]}' });
    const entry = await front.logged.next("log entry");
    assert.equal(entry["path"], "/v1/models/iris:predict");
    assert.equal(entry["status"], 200);
    assert.equal(entry["service"], "default/iris");
    assert.doesNotMatch(JSON.stringify(entry), /secret|private/);
    const { body, headers } = await send({ path: "/-/metrics" });
    assert.match(String(headers["content-type"]), /^text\/plain/);
    assert.match(
      body,
      /kserve_request_count\{namespace="default",inference_service="iris",service="iris",code="200"\} 1/,
    );
    assert.match(
      body,
      /kserve_request_duration_seconds_count\{namespace="default",inference_service="iris",service="iris"\} 1/,
    );
  });
});
