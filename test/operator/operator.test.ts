// SPDX-License-Identifier: Apache-2.0
// Stories of one InferenceService on the embedded API server: from apply to Ready, and every way in which it is not.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { clusterServingRuntimes, inferenceServices, keyOf, resources } from "@serval/api";
import {
  acceptRoutes,
  conditionOf,
  type Home,
  kubeconfig,
  namespace,
  readyPod,
  setPodStatus,
  sklearn,
  sklearnRuntime,
  startHome,
} from "./home.ts";

const isReady = (isvc: Parameters<typeof conditionOf>[0]): boolean => conditionOf(isvc, "Ready") === "True";

describe(`an InferenceService on ${kubeconfig === undefined ? "the embedded API server" : "a real cluster"}`, () => {
  let home: Home;
  const stop = new AbortController();
  before(async () => {
    home = await startHome();
    acceptRoutes(home, stop.signal);
  });
  after(async () => {
    stop.abort();
    await home.cluster.delete(clusterServingRuntimes, { name: "quantum" });
    const { items } = await home.cluster.list(inferenceServices, { namespace });
    for (const isvc of items) await home.cluster.delete(inferenceServices, keyOf(isvc));
    await home.quiet();
    await home.close();
  });

  it("becomes Ready with at most 7 calls to create and few to ready, and costs none after a restart", async () => {
    const isvc = sklearn("iris");
    await home.cluster.create(inferenceServices, isvc);
    await home.until(keyOf(isvc), (next) => conditionOf(next, "PredictorReady").startsWith("False Minimum"));
    await home.quiet();
    const created = home.calls.splice(0);
    assert.ok(created.length <= 7, `calls to create: ${created.join(", ")}`);

    await setPodStatus(home, "isvc.iris-predictor", readyPod);
    const ready = await home.until(keyOf(isvc), isReady);
    await home.quiet();
    const readied = home.calls.splice(0);
    assert.ok(readied.length <= 6, `calls to ready: ${readied.join(", ")}`);
    assert.equal(ready.status?.url, `http://iris-${namespace}.localhost:8080`);
    assert.equal(ready.status?.observedGeneration, 1);
    assert.equal(ready.status?.modelStatus?.transitionStatus, "UpToDate");
    assert.equal(ready.status?.serval, undefined);
    assert.deepEqual(
      ready.status?.conditions?.map(({ type }) => type),
      ["IngressReady", "PredictorReady", "Ready", "Stopped"],
    );

    await home.restartOperator();
    await home.quiet();
    assert.deepEqual(home.calls.splice(0), []);
  });

  it("gets back what someone deleted or changed", async () => {
    const key = { namespace, name: "iris-predictor" };
    const old = await home.cluster.get(resources.services, key);
    await home.cluster.delete(resources.services, key);
    await home.quiet();
    const again = await home.cluster.get(resources.services, key);
    assert.notEqual(again?.metadata.uid, undefined);
    assert.notEqual(again?.metadata.uid, old?.metadata.uid);
    const body = { spec: { template: { spec: { containers: [{ name: "kserve-container", image: "evil" }] } } } };
    await home.cluster.patch(resources.deployments, key, { type: "strategic", body });
    await home.quiet();
    const deployment = await home.cluster.get(resources.deployments, key);
    assert.equal(deployment?.spec?.template.spec?.containers[0]?.image, "kserve/sklearnserver:latest");
  });

  it("says why no runtime serves it, and recovers when one comes", async () => {
    const isvc = sklearn("q", { predictor: { model: { modelFormat: { name: "quantum" }, storageUri: "file:///m" } } });
    await home.cluster.create(inferenceServices, isvc);
    const failed = await home.until(keyOf(isvc), (next) => next.status?.serval?.reason === "NoSupportingRuntime");
    assert.match(failed.status?.serval?.message ?? "", /kserve-sklearnserver: it does not list the format quantum/);
    assert.equal(failed.status?.modelStatus?.transitionStatus, "InvalidSpec");
    await home.cluster.create(clusterServingRuntimes, {
      ...sklearnRuntime,
      metadata: { name: "quantum" },
      spec: { ...sklearnRuntime.spec, supportedModelFormats: [{ name: "quantum", autoSelect: true }] },
    });
    const found = await home.until(keyOf(isvc), (next) => next.status?.clusterServingRuntimeName === "quantum");
    assert.equal(found.status?.serval?.reason, undefined);
  });

  it("shows what the storage initializer said last, and its progress before", async () => {
    const isvc = sklearn("bad");
    await home.cluster.create(inferenceServices, isvc);
    const running = {
      phase: "Pending",
      initContainerStatuses: [
        { name: "storage-initializer", image: "", imageID: "", ready: false, restartCount: 0, state: { running: {} } },
      ],
    };
    await setPodStatus(home, "isvc.bad-predictor", running);
    const loading = await home.until(keyOf(isvc), (next) => next.status?.serval?.progress?.phase === "Downloading");
    assert.equal(loading.status?.modelStatus?.states?.targetModelState, "Loading");
    const terminated = { exitCode: 1, reason: "Error", message: "No model found in file:///models/iris" };
    const [initializer] = running.initContainerStatuses;
    await setPodStatus(home, "isvc.bad-predictor", {
      phase: "Pending",
      initContainerStatuses: [{ ...initializer, state: { running: null, terminated } } as never],
    });
    const failed = await home.until(keyOf(isvc), (next) => next.status?.serval?.reason === "ModelNotFound");
    assert.match(failed.status?.serval?.message ?? "", /No model found in file:/);
    assert.equal(failed.status?.modelStatus?.transitionStatus, "BlockedByFailedLoad");
    assert.equal(failed.status?.modelStatus?.lastFailureInfo?.message, terminated.message);
  });

  it("stays ready when an edit cannot be built, says why, and goes on when it can", async () => {
    const isvc = sklearn("edited");
    await home.cluster.create(inferenceServices, isvc);
    await setPodStatus(home, "isvc.edited-predictor", readyPod);
    await home.until(keyOf(isvc), isReady);
    const name = (storageContainerName: string | null) => ({ spec: { predictor: { storageContainerName } } });
    await home.cluster.patch(inferenceServices, keyOf(isvc), { type: "merge", body: name("nobody") });
    const failed = await home.until(keyOf(isvc), ({ status }) => status?.serval?.code !== undefined);
    assert.match(failed.status?.serval?.message ?? "", /ClusterStorageContainer "nobody" not found/);
    assert.equal(isReady(failed), true, "its pods still serve");
    await home.cluster.patch(inferenceServices, keyOf(isvc), { type: "merge", body: name(null) });
    const again = await home.until(keyOf(isvc), ({ status }) => status?.serval?.code === undefined);
    assert.equal(isReady(again), true);
  });

  it("chains a transformer before the predictor, and prunes it when it is removed", async () => {
    const containers = [{ name: "kserve-container", image: "example.com/tr:1" }];
    const isvc = sklearn("chain", { transformer: { containers } });
    await home.cluster.create(inferenceServices, isvc);
    await setPodStatus(home, "isvc.chain-predictor", readyPod);
    await setPodStatus(home, "isvc.chain-transformer", readyPod);
    await home.until(keyOf(isvc), isReady);
    const backend = async () => {
      const route = await home.cluster.get(resources.httpRoutes, keyOf(isvc));
      return route?.spec.rules?.[0]?.backendRefs?.[0]?.name;
    };
    assert.equal(await backend(), "chain-transformer");
    const body = { spec: { transformer: null } };
    await home.cluster.patch(inferenceServices, keyOf(isvc), { type: "merge", body });
    await home.until(
      keyOf(isvc),
      (next) => next.spec.transformer === undefined && conditionOf(next, "TransformerReady") === "",
    );
    await home.quiet();
    assert.equal(await backend(), "chain-predictor");
    for (const type of [
      resources.deployments,
      resources.services,
      resources.httpRoutes,
      resources.horizontalPodAutoscalers,
    ])
      assert.equal(
        await home.cluster.get(type as typeof resources.services, { namespace, name: "chain-transformer" }),
        undefined,
      );
  });

  it("is stopped by its annotation and starts again without it", async () => {
    const key = { namespace, name: "iris" };
    const stopped = (value: string) => ({ metadata: { annotations: { "serving.kserve.io/stop": value } } });
    await home.cluster.patch(inferenceServices, key, { type: "merge", body: stopped("true") });
    const off = await home.until(key, (next) => conditionOf(next, "Stopped") === "True");
    assert.equal(conditionOf(off, "Ready"), "False Stopped");
    await home.quiet();
    assert.equal(await home.cluster.get(resources.deployments, { ...key, name: "iris-predictor" }), undefined);
    await home.cluster.patch(inferenceServices, key, { type: "merge", body: stopped("false") });
    await setPodStatus(home, "isvc.iris-predictor", readyPod);
    await home.until(key, isReady);
  });

  it("goes with its children when it is deleted", async () => {
    const key = { namespace, name: "iris" };
    await home.cluster.delete(inferenceServices, key);
    await home.quiet();
    await home.quiet();
    assert.equal(await home.cluster.get(inferenceServices, key), undefined);
    assert.equal(await home.cluster.get(resources.services, { ...key, name: "iris-predictor" }), undefined);
  });

  const noWebhooks = kubeconfig === undefined ? false : "no webhook server runs in this test";
  it("is refused with code, path and way out", { skip: noWebhooks }, async () => {
    const isvc = sklearn("no", {
      predictor: {
        minReplicas: 3,
        maxReplicas: 2,
        model: { modelFormat: { name: "sklearn" }, storageUri: "file:///m" },
      },
    });
    await assert.rejects(home.cluster.create(inferenceServices, isvc), (error: Error) => {
      assert.match(
        error.message,
        /denied the request: 'MinReplicas' cannot be greater than MaxReplicas\n {2}SV1011 spec\.predictor\.minReplicas: /,
      );
      return true;
    });
  });
});
