// SPDX-License-Identifier: Apache-2.0
// TrainedModels get memory of their multi-model service one after the other, are listed for its puller, and go with it.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { inferenceServices, keyOf, resources, type TrainedModel, trainedModels } from "@serval/api";
import {
  acceptRoutes,
  emptied,
  type Home,
  isReady,
  kubeconfig,
  namespace,
  readyPod,
  setPodStatus,
  sklearn,
  startHome,
  untilObject,
} from "./home.ts";

const trained = (name: string, memory: string, inferenceService = "many"): TrainedModel => ({
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "TrainedModel",
  metadata: { name, namespace },
  spec: { inferenceService, model: { framework: "sklearn", memory, storageUri: `s3://models/${name}` } },
});

const ready = (model: TrainedModel | undefined): string => {
  const { status, reason } = model?.status?.conditions?.find(({ type }) => type === "Ready") ?? {};
  return [status, reason].filter(Boolean).join(" ");
};

describe(`TrainedModels on ${kubeconfig === undefined ? "the embedded API server" : "a real cluster"}`, () => {
  let home: Home;
  const stop = new AbortController();
  before(async () => {
    home = await startHome();
    acceptRoutes(home, stop.signal);
  });
  after(async () => {
    stop.abort();
    await emptied(home, inferenceServices);
    await home.close();
  });

  /** `gone`: when it is deleted. */
  const until = (name: string, wanted: string) =>
    untilObject(home, trainedModels, name, (model) => (model === undefined ? "gone" : ready(model)) === wanted);
  const listed = async (): Promise<string[]> => {
    const map = await home.cluster.get(resources.configMaps, { namespace, name: "modelconfig-many-0" });
    const entries = JSON.parse(map?.data?.["models.json"] ?? "[]") as { modelName: string }[];
    return entries.map(({ modelName }) => modelName);
  };

  it("wait for their service, then are listed with their URL", async () => {
    const resourcesOf = { limits: { memory: "1Gi" }, requests: { memory: "512Mi" } };
    const isvc = sklearn("many", {
      predictor: { model: { modelFormat: { name: "sklearn" }, resources: resourcesOf } },
    });
    await home.cluster.create(inferenceServices, isvc);
    await home.cluster.create(trainedModels, trained("one", "600Mi"));
    await until("one", "False InferenceServiceNotReady");
    await setPodStatus(home, "isvc.many-predictor", readyPod);
    await home.until(keyOf(isvc), isReady);
    const model = await until("one", "True");
    assert.equal(model?.status?.url, `http://many-${namespace}.localhost:8080/v1/models/one:predict`);
    assert.deepEqual(await listed(), ["one"]);
  });

  it("are refused memory that others have, and get it when those go", async () => {
    await home.cluster.create(trainedModels, trained("two", "600Mi"));
    await until("two", "False MemoryResourceNotAvailable");
    assert.deepEqual(await listed(), ["one"]);
    await home.cluster.delete(trainedModels, { namespace, name: "one" });
    await until("one", "gone");
    await until("two", "True");
    assert.deepEqual(await listed(), ["two"]);
  });

  it("go at once whether or not an operator runs, and the last one empties the list", async () => {
    const two = await home.cluster.get(trainedModels, { namespace, name: "two" });
    assert.equal(two?.metadata.finalizers, undefined);
    await home.cluster.delete(trainedModels, { namespace, name: "two" });
    await untilObject(home, resources.configMaps, "modelconfig-many-0", (map) => map?.data?.["models.json"] === "[]");
  });

  it("lose the finalizer that KServe gave them", async () => {
    const three = trained("three", "1Mi");
    const metadata = { ...three.metadata, finalizers: ["trainedmodel.finalizer"] };
    await home.cluster.create(trainedModels, { ...three, metadata });
    const model = await until("three", "True");
    assert.equal(model?.metadata.finalizers, undefined);
    assert.deepEqual(await listed(), ["three"]);
  });

  it("go with their service, and at once without one", async () => {
    await home.cluster.create(trainedModels, trained("orphan", "1Mi", "nobody"));
    await until("orphan", "gone");
    await home.cluster.delete(inferenceServices, { namespace, name: "many" });
    await until("three", "gone");
  });
});
