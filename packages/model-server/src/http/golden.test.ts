// SPDX-License-Identifier: Apache-2.0
// The recorded HTTP exchanges of KServe 0.20's Python server with an echo model, replayed against ours over real sockets.
// Success bodies must be equal; statuses too, except where a client's mistake is a 500 or a refusal of JSON there.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { after, before, describe, it } from "node:test";
import { RequestError, type Tensor } from "@serval/protocol";
import type { PredictiveModel } from "@serval/runtimes/model.ts";
import { Repository } from "../repository.ts";
import { type RunningServer, startServer } from "./server.ts";

interface Body {
  readonly text?: string;
  readonly base64?: string;
}
interface Recorded {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Record<string, string>;
    readonly body: Body;
  };
  readonly response: { readonly status: number; readonly headers: Record<string, string>; readonly body: Body };
}

/** Where Serval deliberately differs, with the status that it answers instead. */
const differences: Readonly<Record<string, { status: number; why: string }>> = {
  "v1 predict charset": { status: 200, why: "JSON with a charset is JSON; KServe hands raw bytes to the model" },
  "v1 predict text/plain": { status: 200, why: "the body is JSON; KServe hands raw bytes to the model" },
  "v1 nan": { status: 200, why: "1e400 is read as infinity" },
  "v1 explain": {
    status: 501,
    why: "no explainer here; KServe's echo of request headers is a leak that is not rebuilt",
  },
  "v1 error other": { status: 500, why: "same status; internal texts are not shown to clients" },
  "v2 dtype INT8 overflow": { status: 400, why: "client mistake; KServe: 500" },
  "v2 shape mismatch": { status: 400, why: "client mistake; KServe: 500" },
  "v2 binary short": { status: 400, why: "client mistake; KServe: 500" },
  "v2 bad json": { status: 400, why: "one status for malformed JSON in V1 and V2; KServe: 422" },
  "v2 no content-type": { status: 200, why: "JSON is understood without a content type" },
  "v2 text/plain": { status: 200, why: "JSON is understood whatever its content type" },
  "v2 octet no header": { status: 200, why: "JSON is understood whatever its content type" },
  "v2 binary content-type json": { status: 200, why: "the length header decides" },
  "ce binary bad json": { status: 400, why: "malformed JSON; KServe hands raw bytes to the model" },
  "ce structured no time": {
    status: 200,
    why: "time is optional in CloudEvents; KServe treats the event as the payload",
  },
  "repo index": { status: 200, why: "the repository index of Triton and MLServer is an addition" },
};

const echo = (ready: boolean): PredictiveModel => ({
  kind: "predictive",
  ready,
  load: async () => undefined,
  unload: async () => undefined,
  metadata: () => ({
    platform: "",
    inputs: [{ name: "a", datatype: "FP32", shape: [-1, 4] }],
    outputs: [{ name: "a-out", datatype: "FP32", shape: [-1, 4] }],
  }),
  infer: (inputs: readonly Tensor[]) => inputs.map((tensor) => ({ ...tensor, name: `${tensor.name}-out` })),
  predict: (payload) => ({ predictions: payload["instances"] ?? null }),
});

const failing: PredictiveModel = {
  ...echo(true),
  metadata: () => ({ platform: "", inputs: [], outputs: [] }),
  predict(payload) {
    const [kind] = payload["instances"] as string[];
    const known: Record<string, RequestError> = {
      invalid: new RequestError(400, "bad thing"),
      inference: new RequestError(500, "boom"),
      notimpl: new RequestError(501, "later"),
    };
    throw known[kind!] ?? new Error("zap");
  },
};

function send(
  server: RunningServer,
  { method, path, headers, body }: Recorded["request"],
): Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: "127.0.0.1", port: server.port, method, path, headers: { ...headers, host: "localhost:18080" } },
      (response) => {
        const chunks: Buffer[] = [];
        response
          .on("data", (chunk: Buffer) => chunks.push(chunk))
          .on("end", () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
          );
      },
    );
    request.on("error", reject).end(bytes(body));
  });
}

const bytes = ({ text, base64 }: Body): Buffer =>
  base64 === undefined ? Buffer.from(text ?? "") : Buffer.from(base64, "base64");

/** Generated ids and times differ in every answer. */
const settled = (body: Buffer): string =>
  body
    .toString("latin1")
    .replace(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, "gen")
    .replace(/"time": "[^"]+"/, '"time": "t"');

describe("KServe's recorded exchanges", async () => {
  const { exchanges } = JSON.parse(await readFile(new URL("./testdata/golden-http.json", import.meta.url), "utf8")) as {
    exchanges: Recorded[];
  };
  const repository = new Repository();
  let server: RunningServer;
  before(async () => {
    repository.add("echo", echo(true));
    repository.add("err", failing);
    repository.add("cold", echo(false));
    const deps = {
      repository,
      uuid: () => "018a97bc-57ce-4186-aef5-248dab79080b",
      now: () => performance.now(),
      wallClock: Date.now,
      log: () => undefined,
      maxRequestBytes: 1 << 20,
      openaiPrefix: "/openai",
    };
    server = await startServer(deps, { host: "127.0.0.1", port: 0 });
  });
  after(() => server.stop(0));

  for (const { name, request, response } of exchanges) {
    const difference = differences[name];
    it(difference === undefined ? name : `${name} (differs: ${difference.why})`, async () => {
      const got = await send(server, request);
      assert.equal(got.status, difference?.status ?? response.status, got.body.toString());
      const same = difference === undefined && response.status < 300;
      assert.equal(same ? settled(got.body) : "", same ? settled(bytes(response.body)) : "");
      const compared = same
        ? ["ce-source", "ce-type", "ce-specversion", "inference-header-content-length"]
        : ["allow", "location"];
      for (const header of compared) assert.equal(got.headers[header], response.headers[header], header);
    });
  }
});
