// SPDX-License-Identifier: Apache-2.0
// Admission on a real kube-apiserver, through the operator's own webhooks: what kubectl prints, what is stored, versions
// of LLM objects, restarts, and certificates that change while objects are applied.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type AnyObject, inferenceServices, llmInferenceServices, type ResourceType, resources } from "@serval/api";
import { ApiError } from "@serval/kube";
import { findAssets } from "./kube-apiserver.ts";
import { admissionCases } from "./webhook-cases.ts";
import {
  kubectlFor,
  type RunningOperator,
  runOperator,
  startWebhookHome,
  until,
  type WebhookHome,
} from "./webhook-home.ts";

const assets = await findAssets();
const skip = assets.startsWith("skip:") ? { skip: assets.slice(6) } : {};

const service = (name: string, predictor: object, metadata: object = {}): AnyObject => ({
  apiVersion: "serving.kserve.io/v1beta1",
  kind: "InferenceService",
  metadata: { name, namespace: "default", ...metadata },
  spec: { predictor },
});
const sklearn = { model: { modelFormat: { name: "sklearn" }, storageUri: "gs://bucket/model" } };

const pod = (name: string, annotations: Record<string, string>): AnyObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name: `${name}-predictor`,
    namespace: "default",
    labels: { "serving.kserve.io/inferenceservice": name, component: "predictor", app: `isvc.${name}-predictor` },
    annotations,
  },
  spec: { containers: [{ name: "kserve-container", image: "example/image" }] },
});

describe("webhooks on a real kube-apiserver", skip, () => {
  let home: WebhookHome;
  let operator: RunningOperator;
  let kubectl: NonNullable<Awaited<ReturnType<typeof kubectlFor>>>;
  const services = inferenceServices as unknown as ResourceType<AnyObject>;

  before(async () => {
    home = await startWebhookHome(assets);
    operator = await runOperator(home.server, home.port);
    const found = await kubectlFor(home.server.kubeconfig);
    assert.ok(found !== undefined, "kubectl");
    kubectl = found;
  });
  after(async () => {
    await operator?.stop();
    await home?.server.close();
  });

  for (const { name, object, prints, stored } of admissionCases)
    it(`${prints === undefined ? "accepts" : "answers"} ${name}`, async () => {
      const told = await kubectl(["apply", "-f", "-", "--dry-run=server", "-o", "json"], object);
      for (const text of prints ?? []) assert.ok(told.stderr.includes(text), `${text}\nnot in\n${told.stderr}`);
      const isRefused = prints !== undefined && stored === undefined;
      assert.equal(told.code, isRefused ? 1 : 0, told.stderr);
      if (stored !== undefined) assert.partialDeepStrictEqual(JSON.parse(told.stdout), stored);
    });

  it("never refuses what was stored before, nor status and deletion", async () => {
    const { cluster } = home.server;
    // Stored while no webhook judged.
    await operator.stop();
    await unregister();
    const old = service("old", { ...sklearn, minReplicas: 3, maxReplicas: 1 });
    await cluster.create(services, old);
    operator = await runOperator(home.server, home.port);
    const told = await kubectl(["label", "isvc", "old", "a=b"]);
    assert.equal(told.code, 0, told.stderr);
    const patch = { type: "merge", body: { spec: { predictor: { containerConcurrency: -1 } } } } as const;
    await assert.rejects(cluster.patch(services, { namespace: "default", name: "old" }, patch), /SV1012/);
    const status = { type: "merge", body: { status: { observedGeneration: 1 } } } as const;
    await cluster.patch(services, { namespace: "default", name: "old" }, status, { subresource: "status" });
    assert.equal((await kubectl(["delete", "isvc", "old", "--wait=false"])).code, 0);
  });

  async function unregister(): Promise<void> {
    const all = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"].join(",");
    const told = await kubectl(["delete", all, "--all"]);
    assert.equal(told.code, 0, told.stderr);
  }

  it("converts LLMInferenceServices both ways, and loses nothing", async () => {
    const { cluster } = home.server;
    const key = { namespace: "default", name: "llm" };
    const newType = llmInferenceServices as unknown as ResourceType<AnyObject>;
    const oldType = { ...newType, version: "v1alpha1" };
    const spec = { model: { uri: "hf://org/model", name: "m", criticality: "Critical" }, replicas: 1 };
    await until("conversion", async () => {
      try {
        const metadata = { ...key };
        return await cluster.create(oldType, {
          apiVersion: "serving.kserve.io/v1alpha1",
          kind: "LLMInferenceService",
          metadata,
          spec,
        });
      } catch (error) {
        if (error instanceof ApiError && error.code < 500) throw error;
        return undefined;
      }
    });
    const stored = await cluster.get(newType, key);
    assert.ok(stored !== undefined);
    assert.equal(stored.apiVersion, "serving.kserve.io/v1alpha2");
    assert.deepEqual(stored["spec"], { model: { uri: "hf://org/model", name: "m" }, replicas: 1 });
    const merge = { type: "merge", body: { spec: { kvCacheOffloading: { cpu: "1Gi" } } } } as const;
    await cluster.patch(newType, key, merge);
    await cluster.patch(oldType, key, { type: "merge", body: { spec: { replicas: 2 } } });
    const both = (await cluster.get(newType, key))?.["spec"] as { replicas: number; kvCacheOffloading: object };
    assert.deepEqual([both.replicas, both.kvCacheOffloading], [2, { cpu: "1Gi", evictionPolicy: "lru" }]);
    const old = (await cluster.get(oldType, key))?.["spec"] as { model: { criticality: string } };
    assert.equal(old.model.criticality, "Critical");
    const broken = await kubectl(["apply", "-f", "-"], {
      apiVersion: "serving.kserve.io/v1alpha2",
      kind: "LLMInferenceService",
      metadata: { name: "broken" },
      spec: { model: { uri: "hf://org/model" }, parallelism: { data: 2 } },
    });
    assert.match(broken.stderr, /spec\.parallelism\.dataLocal: Invalid value/);
  });

  it("completes pods that KServe made, and no others", async () => {
    await home.server.cluster.create(services, service("adopted", sklearn));
    const create = async (
      notes: Record<string, string>,
    ): Promise<{ spec: { initContainers?: { name: string }[] } }> => {
      const told = await kubectl(["apply", "--dry-run=server", "-o", "json", "-f", "-"], pod("adopted", notes));
      assert.equal(told.code, 0, told.stderr);
      return JSON.parse(told.stdout);
    };
    const sourceUri = "internal.serving.kserve.io/storage-initializer-sourceuri";
    const { spec } = await create({ [sourceUri]: "gs://bucket/model" });
    assert.deepEqual(
      spec.initContainers?.map(({ name }) => name),
      ["storage-initializer"],
    );
    assert.equal((await create({})).spec.initContainers, undefined);
  });

  it("keeps its certificate over a restart", async () => {
    const key = { namespace: "kserve", name: "serval-webhooks-cert" };
    const first = await home.server.cluster.get(resources.secrets, key);
    await operator.stop();
    operator = await runOperator(home.server, home.port);
    const second = await home.server.cluster.get(resources.secrets, key);
    assert.equal(second?.metadata?.resourceVersion, first?.metadata?.resourceVersion);
    assert.equal((await kubectl(["apply", "--dry-run=server", "-f", "-"], service("again", sklearn))).code, 0);
  });

  it("says what is missing when no operator answers, and goes on when one does", async () => {
    await operator.stop();
    const told = await kubectl(["apply", "-f", "-"], service("waiting", sklearn));
    assert.equal(told.code, 1);
    assert.match(told.stderr, /failed calling webhook "inferenceservice\.kserve-webhook-server\.defaulter"/);
    const own = await kubectl(["apply", "--dry-run=server", "-f", "-"], pod("own", {}));
    assert.equal(own.code, 0, own.stderr);
    operator = await runOperator(home.server, home.port);
    assert.equal((await kubectl(["apply", "-f", "-"], service("waiting", sklearn))).code, 0);
  });

  it("changes authority and certificate while objects are applied, without a failed call", async () => {
    await operator.stop();
    const { cluster } = home.server;
    const key = { namespace: "kserve", name: "serval-webhooks-cert" };
    await cluster.delete(resources.secrets, key);
    const minuteMs = 60_000;
    const policy = { authorityMs: 50 * minuteMs, servingMs: 40 * minuteMs, overlapMs: 3_000 };
    let aheadMs = 0;
    const now = (): Date => new Date(Date.now() + aheadMs);
    operator = await runOperator(home.server, home.port, { policy, tickMs: 300, now });
    const data = async () => (await cluster.get(resources.secrets, key))?.data ?? {};
    const start = await data();
    // Into the last third of the authority. Certificates are made valid an hour back, so the server's clock may stay.
    aheadMs = 34 * minuteMs;
    const bundles = new Set<string>();
    const certificates = new Set<string>();
    let calls = 0;
    await until("a new authority", async () => {
      await cluster.create(services, service(`loop-${calls++}`, sklearn), { dryRun: true });
      const current = await data();
      bundles.add(current["ca.crt"] ?? "");
      certificates.add(current["tls.crt"] ?? "");
      const isAlone = current["ca.crt"] === current["signer.crt"];
      return (isAlone && current["signer.crt"] !== start["signer.crt"]) || undefined;
    });
    // Whoever still trusted only the old authority would fail here.
    await until("the last registration", async () => {
      await cluster.create(services, service(`loop-${calls++}`, sklearn), { dryRun: true });
      return calls > 100 || undefined;
    });
    assert.ok(bundles.size >= 2, `${bundles.size} bundles: both, new`);
    assert.equal(certificates.size, 2, "the old certificate, the new one");
  });
});
