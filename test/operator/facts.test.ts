// SPDX-License-Identifier: Apache-2.0
// What the operator reads for pods on a real API server: watched kinds cost no call, secrets only when they are referred
// to, and their changes arrive.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  clusterStorageContainers,
  defaultConfig,
  type InferenceService,
  resources,
  type Secret,
  servingCrds,
} from "@serval/api";
import { createApiServer } from "@serval/embedded/apiserver/index.ts";
import { memoryStore } from "@serval/embedded/store/index.ts";
import { type Cluster, createCluster, type Transport } from "@serval/kube";
import { silentLogger } from "@serval/observe";
import { createFactsSource, type FactsSource } from "@serval/operator/facts-source.ts";
import { createSecretReader } from "@serval/operator/secret-reader.ts";

const namespace = "default";
const config = defaultConfig();

const service = (storageUri: string, serviceAccountName?: string): InferenceService => ({
  apiVersion: "serving.kserve.io/v1beta1",
  kind: "InferenceService",
  metadata: { name: "m", namespace },
  spec: {
    predictor: {
      model: { modelFormat: { name: "sklearn" }, storageUri },
      ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
    },
  },
});

const secret = (name: string, data: Record<string, string>): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace },
  data,
});

describe("facts of pods", () => {
  const stop = new AbortController();
  const asked: string[] = [];
  const errors: unknown[] = [];
  let cluster: Cluster;
  let facts: FactsSource;
  let server: Awaited<ReturnType<typeof createApiServer>>;
  before(async () => {
    server = await createApiServer({ store: memoryStore(), crds: servingCrds(), admission: [], log: silentLogger });
    const counting: Transport = {
      send: (request) => {
        if (request.query?.["watch"] !== "true") asked.push(`${request.method} ${request.path}`);
        return server.transport.send(request);
      },
      close: () => server.transport.close(),
    };
    cluster = createCluster(server.transport, "test");
    facts = createFactsSource({
      cluster: createCluster(counting, "test"),
      signal: stop.signal,
      onError: (error) => errors.push(error),
    });
    await Promise.all(facts.informers.map(({ synced }) => synced));
    asked.length = 0;
  });
  after(async () => {
    stop.abort();
    await server.close();
  });
  const changed = (test: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const deadline = setTimeout(() => reject(new Error("the change did not arrive within 5 s")), 5_000);
      const look = (): void => {
        if (!test()) return;
        clearTimeout(deadline);
        resolve();
      };
      for (const informer of facts.informers) informer.onChange(look);
      look();
    });

  it("cost one call in a lifetime to a service without secrets", async () => {
    const found = await facts.of(service("s3://b/m"), config);
    await facts.of(service("pvc://c"), config);
    assert.deepEqual(asked, ["GET /version"]);
    assert.ok((found.kubernetesMinor ?? 0) >= 30);
    assert.deepEqual(errors, []);
  });

  it("read a secret that the service account lists, once", async () => {
    await cluster.create(resources.secrets, secret("hf", { HF_TOKEN: "dA==" }));
    await cluster.create(resources.serviceAccounts, {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "own", namespace, annotations: { "eks.amazonaws.com/role-arn": "arn:x", note: "not kept" } },
      secrets: [{ name: "hf" }],
    });
    const isvc = service("hf://o/m", "own");
    const accounts = facts.informers[0];
    await changed(() => accounts?.get({ namespace, name: "own" }) !== undefined);
    asked.length = 0;
    const found = await facts.of(isvc, config);
    assert.deepEqual(found.secret("hf")?.data, { HF_TOKEN: "dA==" });
    assert.deepEqual(found.serviceAccount("own")?.metadata.annotations, { "eks.amazonaws.com/role-arn": "arn:x" });
    await facts.of(isvc, config);
    assert.deepEqual(asked, ["GET /api/v1/namespaces/default/secrets/hf"]);
  });

  it("have a named account at once, though its watch is behind", async () => {
    const silent: Transport = {
      send: (request) => (request.query?.["watch"] === "true" ? new Promise(() => {}) : server.transport.send(request)),
      close: async () => {},
    };
    const options = { signal: stop.signal, onError: () => {} };
    const behind = createFactsSource({ cluster: createCluster(silent, "test"), ...options });
    await Promise.all(behind.informers.map(({ synced }) => synced));
    await cluster.create(resources.serviceAccounts, {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "new", namespace },
      secrets: [{ name: "hf" }],
    });
    const [accounts] = behind.informers;
    assert.equal(accounts?.get({ namespace, name: "new" }), undefined);
    const found = await behind.of(service("hf://o/m", "new"), config);
    assert.deepEqual(found.serviceAccount("new")?.secrets, [{ name: "hf" }]);
  });

  it("name the services that a service account concerns", async () => {
    const account = facts.informers[0]?.get({ namespace, name: "own" });
    assert.ok(account !== undefined);
    const services = [service("hf://o/m", "own"), service("hf://o/m")];
    const of = (object: typeof account) => facts.concerned({ type: "modified", object }, services).length;
    assert.equal(of(account), 1);
    assert.equal(of({ ...account, metadata: { ...account.metadata, namespace: "other" } }), 0);
  });

  it("have storage containers as soon as they are there, in order of their names", async () => {
    for (const name of ["b", "a"])
      await cluster.create(clusterStorageContainers, {
        apiVersion: "serving.kserve.io/v1alpha1",
        kind: "ClusterStorageContainer",
        metadata: { name },
        spec: { container: { name: "storage-initializer", image: "e/x:1" }, supportedUriFormats: [{ prefix: "x://" }] },
      });
    await changed(() => facts.informers[1]?.list().length === 2);
    const { storageContainers } = await facts.of(service("pvc://c"), config);
    assert.deepEqual(
      storageContainers.map(({ metadata }) => metadata.name),
      ["a", "b"],
    );
  });

  it("hold a refusal back until a stage needs the secret", async () => {
    const refusing: Transport = {
      send: async (request) =>
        request.path.includes("/secrets/")
          ? { status: 403, body: { kind: "Status", code: 403, reason: "Forbidden", message: "secrets is forbidden" } }
          : server.transport.send(request),
      close: async () => {},
    };
    const own = new AbortController();
    const source = createFactsSource({
      cluster: createCluster(refusing, "test"),
      signal: own.signal,
      onError: () => {},
    });
    await Promise.all(source.informers.map(({ synced }) => synced));
    const found = await source.of(service("hf://o/m", "own"), config);
    assert.throws(() => found.secret("hf"), { reason: "StorageCredentials", message: /secrets is forbidden/ });
    own.abort();
  });

  it("ask for a secret again when it is half a minute old, for a missing one after a second", async () => {
    let time = 0;
    const reader = createSecretReader(cluster, () => time);
    const key = { namespace, name: "late" };
    const dataOf = async () => {
      const read = await reader.get(key);
      return "secret" in read ? read.secret?.data?.["k"] : "refused";
    };
    assert.equal(await dataOf(), undefined);
    await cluster.create(resources.secrets, secret("late", { k: "MQ==" }));
    assert.equal(await dataOf(), undefined);
    time = 1_000;
    assert.equal(await dataOf(), "MQ==");
    await cluster.patch(resources.secrets, key, { type: "merge", body: { data: { k: "Mg==" } } });
    time = 30_000;
    assert.equal(await dataOf(), "MQ==");
    time = 31_000;
    assert.equal(await dataOf(), "Mg==");
  });
});
