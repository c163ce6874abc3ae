// SPDX-License-Identifier: Apache-2.0
// The webhook server over real TLS: whatever is sent, an answer comes, and the next one too.
import assert from "node:assert/strict";
import { Agent, request } from "node:https";
import { after, before, describe, it } from "node:test";
import { connect } from "node:tls";
import { defaultConfig } from "@serval/api";
import { createIssuer } from "@serval/kube/pki/issue.ts";
import { silentLogger } from "@serval/observe";
import { createAdmissionState } from "../admission-state.ts";
import { admissionPlugins } from "./plugins.ts";
import { startWebhookServer, type WebhookServer } from "./server.ts";

const validate = "/validate-serving-kserve-io-v1beta1-inferenceservice";
const mutate = "/mutate-serving-kserve-io-v1beta1-inferenceservice";
let server: WebhookServer;
let ca = "";
let why: string | undefined;

async function pair() {
  const issuer = await createIssuer(new Date());
  const authority = await issuer.authority(1);
  const leaf = await issuer.leaf({
    commonName: "webhooks",
    addresses: ["127.0.0.1"],
    usage: "server",
    days: 1,
    ca: authority.cert,
    caKey: authority.key,
  });
  return { authority, leaf };
}

before(async () => {
  const { authority, leaf } = await pair();
  ca = authority.cert;
  server = await startWebhookServer({
    plugins: admissionPlugins(createAdmissionState(defaultConfig())),
    certificate: leaf,
    notReady: () => why,
    log: silentLogger,
    host: "127.0.0.1",
    port: 0,
  });
});
after(() => server.close());

interface Answer {
  readonly status: number;
  readonly text: string;
}

interface Sent {
  readonly method?: string;
  readonly type?: string;
  readonly body?: string;
}

const send = (path: string, { method = "POST", type = "application/json", body }: Sent = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: server.port, path, method, ca, agent: false as const };
    const sent = request({ ...options, headers: { "content-type": type } }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });

const service = (spec: object) => ({
  apiVersion: "serving.kserve.io/v1beta1",
  kind: "InferenceService",
  metadata: { name: "iris", namespace: "default" },
  spec,
});

const review = (object: unknown, change: object = {}, apiVersion = "admission.k8s.io/v1"): string =>
  JSON.stringify({
    apiVersion,
    kind: "AdmissionReview",
    request: {
      uid: "1",
      kind: { group: "serving.kserve.io", version: "v1beta1", kind: "InferenceService" },
      resource: { group: "serving.kserve.io", version: "v1beta1", resource: "inferenceservices" },
      operation: "CREATE",
      name: "iris",
      namespace: "default",
      userInfo: { username: "jane" },
      object,
      ...change,
    },
  });

const good = service({ predictor: { model: { modelFormat: { name: "sklearn" }, storageUri: "gs://a/b" } } });

describe("the webhook server", () => {
  const malformed: readonly (readonly [string, string, Sent, number])[] = [
    ["another path", "/elsewhere", { body: "{}" }, 404],
    ["another method", validate, { method: "GET" }, 405],
    ["another type", validate, { type: "text/plain", body: "{}" }, 415],
    ["no body", validate, {}, 400],
    ["half of a body", validate, { body: '{"kind":' }, 400],
    ["a list", validate, { body: "[]" }, 400],
    ["another kind", validate, { body: '{"kind":"Pod","apiVersion":"v1"}' }, 400],
    ["another version", validate, { body: review(good, {}, "admission.k8s.io/v2") }, 400],
    ["no request", validate, { body: '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}' }, 400],
    ["no uid", validate, { body: review(good, { uid: "" }) }, 400],
    ["no object", validate, { body: review(null) }, 400],
    ["an object that is none", validate, { body: review("text") }, 400],
    ["no resource", validate, { body: review(good, { resource: null }) }, 400],
    ["a body that is too large", validate, { body: JSON.stringify("x".repeat(9_000_000)) }, 413],
    ["a conversion of nothing", "/convert", { body: "{}" }, 400],
  ];
  for (const [name, path, sent, status] of malformed)
    it(`answers ${name} with ${status}`, async () => {
      const answer = await send(path, sent);
      assert.equal(answer.status, status, answer.text);
      assert.notEqual(answer.text, "");
    });

  for (const apiVersion of ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"])
    it(`judges and completes in ${apiVersion}`, async () => {
      const allowed = JSON.parse((await send(mutate, { body: review(good, {}, apiVersion) })).text);
      assert.equal(allowed.apiVersion, apiVersion);
      assert.deepEqual(
        [allowed.response.uid, allowed.response.allowed, allowed.response.patchType],
        ["1", true, "JSONPatch"],
      );
      const patch = JSON.parse(Buffer.from(allowed.response.patch, "base64").toString());
      assert.ok(
        patch.some(({ path }: { path: string }) => path === "/metadata/annotations"),
        JSON.stringify(patch),
      );
      const bad = service({ predictor: { model: { modelFormat: { name: "sklearn" } }, containerConcurrency: -1 } });
      const { response } = JSON.parse((await send(validate, { body: review(bad, {}, apiVersion) })).text);
      assert.equal(response.allowed, false);
      assert.deepEqual([response.status.code, response.status.reason], [403, "Forbidden"]);
      assert.equal(response.status.details.causes[0].reason, "SV1012");
    });

  it("allows what it has no rule for", async () => {
    const answer = await send(validate, { body: review(good, { operation: "CONNECT" }) });
    assert.equal(JSON.parse(answer.text).response.allowed, true);
  });

  it("converts, and says why not", async () => {
    const convert = async (desiredAPIVersion: string) => {
      const objects = [
        {
          apiVersion: "serving.kserve.io/v1alpha1",
          kind: "LLMInferenceService",
          metadata: { name: "a" },
          spec: { model: { uri: "hf://a/b" } },
        },
      ];
      const body = {
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "ConversionReview",
        request: { uid: "2", desiredAPIVersion, objects },
      };
      return JSON.parse((await send("/convert", { body: JSON.stringify(body) })).text).response;
    };
    const converted = await convert("serving.kserve.io/v1alpha2");
    assert.deepEqual([converted.uid, converted.result.status], ["2", "Success"]);
    assert.equal(converted.convertedObjects[0].apiVersion, "serving.kserve.io/v1alpha2");
    const refused = await convert("serving.kserve.io/v9");
    assert.equal(refused.result.status, "Failure");
    assert.match(refused.result.message, /Cannot convert/);
  });

  it("tells whether it lives and whether it is ready", async () => {
    assert.deepEqual(await send("/healthz", { method: "GET" }), { status: 200, text: "ok" });
    assert.equal((await send("/readyz", { method: "GET" })).status, 200);
    why = "the webhooks are not registered";
    assert.deepEqual(await send("/readyz", { method: "GET" }), { status: 503, text: why });
    why = undefined;
  });

  it("refuses TLS below 1.2, and goes on", async () => {
    const failed = await new Promise((resolve) => {
      const socket = connect({ host: "127.0.0.1", port: server.port, ca, maxVersion: "TLSv1.1", minVersion: "TLSv1" });
      socket.on("secureConnect", () => resolve(false));
      socket.on("error", () => resolve(true));
    });
    assert.equal(failed, true);
    assert.equal((await send("/healthz", { method: "GET" })).status, 200);
  });

  it("takes another certificate without a restart", async () => {
    const { authority, leaf } = await pair();
    server.setCertificate(leaf);
    await assert.rejects(send("/healthz", { method: "GET" }));
    ca = authority.cert;
    assert.equal((await send("/healthz", { method: "GET" })).status, 200);
  });
});

describe("a webhook server that leaves", () => {
  it("still answers, and sends the caller to another connection", async () => {
    const { authority, leaf } = await pair();
    const leaving = await startWebhookServer({
      plugins: [],
      certificate: leaf,
      notReady: () => undefined,
      log: silentLogger,
      host: "127.0.0.1",
      port: 0,
    });
    const agent = new Agent({ keepAlive: true, ca: authority.cert });
    const connectionOf = (): Promise<string | undefined> =>
      new Promise((resolve, reject) => {
        const sent = request({ host: "127.0.0.1", port: leaving.port, path: "/healthz", agent }, (response) => {
          response.resume().on("end", () => resolve(response.headers.connection));
        });
        sent.on("error", reject).end();
      });
    try {
      assert.equal(await connectionOf(), "keep-alive");
      leaving.sendAway();
      assert.equal(await connectionOf(), "close");
    } finally {
      agent.destroy();
      await leaving.close();
    }
  });
});
