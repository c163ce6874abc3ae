// SPDX-License-Identifier: Apache-2.0
// Stories of pods: several nodes, a storage container that comes late, and no writes while nothing changes.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  type ClusterStorageContainer,
  clusterServingRuntimes,
  clusterStorageContainers,
  configMapName,
  inferenceServices,
  keyOf,
  kserveNamespace,
  resources,
} from "@serval/api";
import { conditionOf, type Home, kubeconfig, namespace, sklearn, sklearnRuntime, startHome } from "./home.ts";

const runtime = {
  ...sklearnRuntime,
  metadata: { name: "kserve-huggingfaceserver-multinode" },
  spec: {
    supportedModelFormats: [{ name: "huggingface", version: "1", autoSelect: true }],
    protocolVersions: ["v2", "v1"],
    containers: [{ name: "kserve-container", image: "e/hf:1-gpu", resources: { limits: { cpu: "500m" } } }],
    workerSpec: {
      containers: [{ name: "worker-container", image: "e/hf:1-gpu", resources: { limits: { cpu: "0.5" } } }],
      volumes: [{ name: "shm", emptyDir: { medium: "Memory", sizeLimit: "3Gi" } }],
    },
  },
};

const manyNodes = (name: string) =>
  sklearn(
    name,
    {
      predictor: {
        model: { modelFormat: { name: "huggingface" }, storageUri: "pvc://claim/llm" },
        workerSpec: { pipelineParallelSize: 2, tensorParallelSize: 2 },
      },
    },
    { annotations: { "serving.kserve.io/autoscalerClass": "none" } },
  );

describe(`pods on ${kubeconfig === undefined ? "the embedded API server" : "a real cluster"}`, () => {
  const settings = { name: configMapName, namespace: kserveNamespace };
  let home: Home;
  /** Resolves when the operator has said what it sees of the service's Deployment, and has no more to say. */
  const reported = async (name: string): Promise<void> => {
    for (const end = Date.now() + 10_000; ; ) {
      const isvc = await home.cluster.get(inferenceServices, { namespace, name });
      if (isvc !== undefined && conditionOf(isvc, "PredictorReady").includes("Replicas")) return home.quiet();
      assert.ok(Date.now() < end, `${name} is not reported: ${JSON.stringify(isvc?.status)}`);
      await home.quiet();
    }
  };
  before(async () => {
    home = await startHome();
    const data = { storageInitializer: JSON.stringify({ enableModelcar: true, image: "e/fetch:1" }) };
    await home.cluster.patch(resources.configMaps, settings, { type: "merge", body: { data } });
    await home.cluster.apply(clusterServingRuntimes, runtime as typeof sklearnRuntime, {
      fieldManager: "test",
      force: true,
    });
  });
  after(async () => {
    const { items } = await home.cluster.list(inferenceServices, { namespace });
    for (const isvc of items) await home.cluster.delete(inferenceServices, keyOf(isvc));
    await home.cluster.delete(clusterStorageContainers, { name: "late" });
    await home.cluster.delete(clusterServingRuntimes, { name: runtime.metadata.name });
    await home.quiet();
    await home.close();
  });

  it("of several nodes have head, workers and their Services, and stay without a write", async () => {
    const isvc = manyNodes("group");
    await home.cluster.create(inferenceServices, isvc);
    await home.until(keyOf(isvc), (next) => conditionOf(next, "PredictorReady") !== "");
    await home.quiet();
    const worker = await home.cluster.get(resources.deployments, { namespace, name: "group-predictor-worker" });
    assert.equal(worker?.spec?.replicas, 3);
    const template = worker?.spec?.template.spec?.containers[0];
    assert.equal(template?.env?.find(({ name }) => name === "HEAD_SVC")?.value, "group-head-1");
    assert.equal(template?.resources?.limits?.["nvidia.com/gpu"], "1");
    for (const name of ["group-head-1", "group-workers-1"]) {
      const service = await home.cluster.get(resources.services, { namespace, name });
      assert.equal(service?.spec?.clusterIP, "None");
      assert.equal(service?.spec?.publishNotReadyAddresses, true);
    }
    home.calls.length = 0;
    await home.restartOperator();
    await home.quiet();
    assert.deepEqual(home.calls, []);
  });

  it("of several nodes find the Services of their own generation after an edit", async () => {
    const key = { namespace, name: "group" };
    await home.cluster.patch(inferenceServices, key, {
      type: "merge",
      body: { spec: { predictor: { workerSpec: { pipelineParallelSize: 3 } } } },
    });
    await home.until(key, (next) => next.status?.observedGeneration === 2);
    await home.quiet();
    const worker = await home.cluster.get(resources.deployments, { namespace, name: "group-predictor-worker" });
    assert.equal(worker?.spec?.replicas, 5);
    const { labels = {} } = worker?.spec?.template.metadata ?? {};
    assert.equal(labels["isvc.generation"], "2");
    const head = await home.cluster.get(resources.services, { namespace, name: "group-head-2" });
    assert.deepEqual(head?.spec?.selector, { app: "isvc.group-predictor", "isvc.generation": "2" });
  });

  it("whose storage container is missing come when it is there", async () => {
    const predictor = {
      storageContainerName: "late",
      model: { modelFormat: { name: "sklearn" }, storageUri: "late://m" },
    };
    const isvc = sklearn("late", { predictor });
    await home.cluster.create(inferenceServices, isvc);
    const waiting = await home.until(keyOf(isvc), ({ status }) => status?.serval?.code !== undefined);
    assert.match(waiting.status?.serval?.message ?? "", /^StorageURI not supported/);
    const container: ClusterStorageContainer = {
      apiVersion: "serving.kserve.io/v1alpha1",
      kind: "ClusterStorageContainer",
      metadata: { name: "late" },
      spec: {
        container: { name: "storage-initializer", image: "e/late:1" },
        supportedUriFormats: [{ prefix: "late://" }],
        workloadType: "initContainer",
        supportsMultiModelDownload: false,
      },
    };
    await home.cluster.create(clusterStorageContainers, container);
    await home.until(keyOf(isvc), ({ status }) => status?.serval?.code === undefined);
    const deployment = await home.cluster.get(resources.deployments, { namespace, name: "late-predictor" });
    assert.equal(deployment?.spec?.template.spec?.initContainers?.[0]?.image, "e/late:1");
  });

  it("of every kind of source stay without a write", async () => {
    await home.cluster.apply(
      resources.secrets,
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "gcs", namespace },
        data: { "gcloud-application-credentials.json": "e30=" },
      },
      { fieldManager: "test" },
    );
    await home.cluster.apply(
      resources.serviceAccounts,
      {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { name: "reader", namespace },
        secrets: [{ name: "gcs" }],
      },
      { fieldManager: "test" },
    );
    const model = { modelFormat: { name: "sklearn" } };
    const logger = { mode: "all", url: "http://sink" };
    const services = [
      sklearn("src-gs", { predictor: { serviceAccountName: "reader", model: { ...model, storageUri: "gs://b/m" } } }),
      sklearn("src-car", { predictor: { model: { ...model, storageUri: "oci://r/m:1" } } }),
      sklearn("src-fetch", {
        predictor: { imagePullSecrets: [{ name: "p" }], model: { ...model, storageUri: "oci+fetch://r/m:1" } },
      }),
      sklearn("src-many", {
        predictor: { model, storageUris: [{ uri: "gs://b/m" }, { uri: "pvc://c/x", mountPath: "/mnt/x" }] },
      }),
      sklearn("src-logged", { predictor: { logger, model: { ...model, storageUri: "pvc://c" } } }),
    ];
    for (const isvc of services) await home.cluster.create(inferenceServices, isvc);
    for (const isvc of services) await reported(isvc.metadata.name ?? "");
    await home.quiet();
    home.calls.length = 0;
    await home.restartOperator();
    await home.quiet();
    assert.deepEqual(home.calls, []);
  });

  it("cost no call though the API server drops what they say, as one without image volumes does", async () => {
    const storageUri = "oci+native://r/m:1";
    await home.cluster.create(
      inferenceServices,
      sklearn("image", { predictor: { model: { modelFormat: { name: "sklearn" }, storageUri } } }),
    );
    await reported("image");
    // A configuration that changes nothing: every service is looked at again. The first look may find it out.
    for (const round of [1, 2]) {
      home.calls.length = 0;
      const body = { data: { note: `${round}` } };
      await home.cluster.patch(resources.configMaps, settings, { type: "merge", body });
      await home.quiet();
    }
    assert.deepEqual(home.calls, []);
  });
});
