// SPDX-License-Identifier: Apache-2.0
// Canaries in Standard mode: weights only to what is ready, promotion without a second model load, roll-back without a
// trace. The kubelet and the gateway are played.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type InferenceService, inferenceServices, type KubeObject, keyOf, resources } from "@serval/api";
import {
  acceptRoutes,
  conditionOf,
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

const model = (storageUri: string) => ({ modelFormat: { name: "sklearn" }, storageUri });
const isPrev = ({ tag }: { tag?: string | undefined }): boolean => tag === "prev";

describe(`canaries on ${kubeconfig === undefined ? "the embedded API server" : "a real cluster"}`, () => {
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

  const patch = (name: string, spec: object): Promise<unknown> =>
    home.cluster.patch(inferenceServices, { namespace, name }, { type: "merge", body: { spec } });
  const deployment = (name: string) => home.cluster.get(resources.deployments, { namespace, name });
  const gone = (name: string) => untilObject(home, resources.deployments, name, (object) => object === undefined);
  /** `service:weight` of the top-level route, once it says `wanted`. */
  const weights = (name: string, wanted: string) =>
    untilObject(home, resources.httpRoutes, name, (route) => {
      const backends = route?.spec.rules?.[0]?.backendRefs ?? [];
      return backends.map((backend) => `${backend.name}:${backend.weight}`).join(" ") === wanted;
    });
  const started = async (name: string, predictor: object): Promise<InferenceService> => {
    const isvc = sklearn(name, { predictor });
    await home.cluster.create(inferenceServices, isvc);
    return isvc;
  };

  it("splits between spec.canary's predictors once they are ready, and promotes by name", async () => {
    const isvc = await started("declared", { name: "v1", model: model("file:///v1") });
    await setPodStatus(home, "isvc.declared-v1-predictor", readyPod);
    await home.until(keyOf(isvc), isReady);
    await patch("declared", {
      canary: [{ trafficPercent: 20, predictor: { name: "v2", model: model("file:///v2") } }],
    });
    await weights("declared", "declared-v1-predictor:100");
    await setPodStatus(home, "isvc.declared-v2-predictor", readyPod);
    await weights("declared", "declared-v1-predictor:80 declared-v2-predictor:20");
    const split = await home.until(
      keyOf(isvc),
      (next) => conditionOf(next, "CanaryPredictorReady") === "True AllCanariesReady",
    );
    assert.equal(split.status?.canaryStatuses?.[0]?.modelStatus?.transitionStatus, "UpToDate");
    assert.equal(isReady(split), true);

    const before = await deployment("declared-v2-predictor");
    await patch("declared", { canary: null, predictor: { name: "v2", model: model("file:///v2") } });
    await weights("declared", "declared-v2-predictor:1");
    await gone("declared-v1-predictor");
    const after = await deployment("declared-v2-predictor");
    assert.equal(after?.metadata.uid, before?.metadata.uid);
    assert.deepEqual(after?.spec?.template, before?.spec?.template, "no pod is restarted");
    const autoscalers = await home.cluster.list(resources.horizontalPodAutoscalers, { namespace });
    const names = autoscalers.items.map(({ metadata }: KubeObject) => metadata.name);
    assert.equal(names.includes("declared-v1-predictor"), false, "the old autoscaler goes (weak spot 2)");
  });

  it("runs both models for canaryTrafficPercent, promotes by moving the Service, and canaries again", async () => {
    const isvc = await started("percent", { model: model("file:///v1") });
    await setPodStatus(home, "isvc.percent-predictor", readyPod);
    await home.until(keyOf(isvc), isReady);
    const stable = await deployment("percent-predictor");

    await patch("percent", { predictor: { canaryTrafficPercent: 10, model: model("file:///v2") } });
    await weights("percent", "percent-predictor:100");
    await setPodStatus(home, "isvc.percent-predictor-2", readyPod);
    await weights("percent", "percent-predictor:90 percent-predictor-canary:10");
    const split = await home.until(keyOf(isvc), ({ status }) =>
      (status?.components?.["predictor"]?.traffic ?? []).some((entry) => isPrev(entry) && entry.percent === 90),
    );
    const entries = split.status?.components?.["predictor"]?.traffic ?? [];
    assert.equal(entries.find(({ latestRevision }) => latestRevision)?.percent, 10);
    assert.equal(isReady(split), true);
    const untouched = await deployment("percent-predictor");
    assert.equal(untouched?.metadata.generation, stable?.metadata.generation, "the last good predictor is not touched");

    await patch("percent", { predictor: { canaryTrafficPercent: null } });
    await weights("percent", "percent-predictor:1");
    await gone("percent-predictor");
    const service = await home.cluster.get(resources.services, { namespace, name: "percent-predictor" });
    assert.deepEqual(service?.spec?.selector, { app: "isvc.percent-predictor-2" });
    const promoted = await home.until(keyOf(isvc), ({ status }) => status?.canaryStatuses === undefined);
    assert.equal(isReady(promoted), true);

    await patch("percent", { canaryTrafficPercent: 50, predictor: { model: model("file:///v3") } });
    await setPodStatus(home, "isvc.percent-predictor", readyPod);
    await weights("percent", "percent-predictor:50 percent-predictor-canary:50");
  });

  it("takes everything back when the spec returns to what runs", async () => {
    const isvc = await started("back", { model: model("file:///v1") });
    await setPodStatus(home, "isvc.back-predictor", readyPod);
    await home.until(keyOf(isvc), isReady);
    const stable = await deployment("back-predictor");
    await patch("back", { canaryTrafficPercent: 30, predictor: { model: model("file:///v2") } });
    await setPodStatus(home, "isvc.back-predictor-2", readyPod);
    await weights("back", "back-predictor:70 back-predictor-canary:30");
    await patch("back", { canaryTrafficPercent: 0 });
    await weights("back", "back-predictor:100 back-predictor-canary:0");
    await patch("back", { canaryTrafficPercent: null, predictor: { model: model("file:///v1") } });
    await weights("back", "back-predictor:1");
    await gone("back-predictor-2");
    assert.equal((await deployment("back-predictor"))?.metadata.generation, stable?.metadata.generation);
  });
});
