// SPDX-License-Identifier: Apache-2.0
// The shared Secret, on an API server in this process: who makes it, who only reads it.
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, beforeEach, describe, it } from "node:test";
import { resources, type Secret } from "@serval/api";
import { createApiServer } from "@serval/embedded/apiserver/index.ts";
import { memoryStore } from "@serval/embedded/store/index.ts";
import { createCluster } from "@serval/kube";
import { silentLogger } from "@serval/observe";
import { currentCertificate, servingNames } from "./certificate-store.ts";
import { defaultPolicy } from "./certificates.ts";

const server = await createApiServer({ store: memoryStore(), crds: [], admission: [], log: silentLogger });
const cluster = createCluster(server.transport, "test");
const key = { namespace: "kserve", name: "serval-webhooks-cert" };
const target = { service: { name: "hooks", namespace: "kserve" } };
const policy = { ...defaultPolicy, ...servingNames(target) };
let aheadMs = 0;
const current = (change: Partial<typeof policy> = {}) =>
  currentCertificate({
    cluster,
    namespace: "kserve",
    policy: { ...policy, ...change },
    now: () => new Date(Date.now() + aheadMs),
  });
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const foreign = (data: Record<string, string>): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  type: "kubernetes.io/tls",
  metadata: { ...key, annotations: { "cert-manager.io/certificate-name": "serving" } },
  data: Object.fromEntries(Object.entries(data).map(([name, text]) => [name, base64(text)])),
});

beforeEach(async () => {
  aheadMs = 0;
  await cluster.delete(resources.secrets, key);
});
after(() => server.close());

describe("the webhooks' certificate", () => {
  it("is made for the names that API servers call, and kept", async () => {
    const first = await current();
    const certificate = new X509Certificate(first.cert);
    for (const name of ["hooks.kserve.svc", "hooks.kserve", "hooks.kserve.svc.cluster.local"])
      assert.equal(certificate.checkHost(name), name);
    assert.ok(certificate.verify(new X509Certificate(first.caBundle).publicKey));
    assert.deepEqual(await current(), first);
  });

  it("is one for replicas that start together", async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => current()));
    assert.equal(new Set(all.map(({ cert }) => cert)).size, 1);
  });

  it("is replaced in its last third, by the same authority", async () => {
    const first = await current();
    aheadMs = policy.servingMs * 0.7;
    const second = await current();
    assert.notEqual(second.cert, first.cert);
    assert.equal(second.caBundle, first.caBundle);
  });

  it("takes the place of what somebody else left there, of whatever type", async () => {
    await cluster.create(resources.secrets, {
      apiVersion: "v1",
      kind: "Secret",
      type: "Opaque",
      metadata: key,
      data: { "tls.crt": base64("nonsense") },
    });
    assert.ok(new X509Certificate((await current()).cert).checkHost("hooks.kserve.svc"));
    assert.equal((await cluster.get(resources.secrets, key))?.type, "Opaque");
  });

  it("of cert-manager is only read", async () => {
    const made = foreign({ "tls.crt": "CERT", "tls.key": "KEY", "ca.crt": "CA" });
    const { metadata } = await cluster.create(resources.secrets, made);
    assert.deepEqual(await current(), { cert: "CERT", key: "KEY", caBundle: "CA" });
    const stored = await cluster.get(resources.secrets, key);
    assert.equal(stored?.metadata?.resourceVersion, metadata?.resourceVersion);
  });

  it("of cert-manager is waited for", async () => {
    await cluster.create(resources.secrets, foreign({ "tls.crt": "CERT", "tls.key": "KEY" }));
    await assert.rejects(current(), { name: "ServalError", code: "SV6002" });
  });

  for (const [url, names, addresses] of [
    ["https://host.example:9443/path", ["host.example"], []],
    ["https://127.0.0.1", [], ["127.0.0.1"]],
    ["https://[::1]:1", [], ["::1"]],
  ] as const)
    it(`is for ${url}`, () => assert.deepEqual(servingNames({ url }), { names, addresses }));
});
