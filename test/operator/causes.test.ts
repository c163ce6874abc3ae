// SPDX-License-Identifier: Apache-2.0
// A cause is in the status, and one event says it, within a second of being visible in the cluster; and it goes when the
// trouble does. The test plays the kubelet, the scheduler and the gateway.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type InferenceService, inferenceServices, keyOf, type Pod, resources } from "@serval/api";
import { conditionOf, type Home, kubeconfig, namespace, readyPod, setPodStatus, sklearn, startHome } from "./home.ts";

const visibleMs = 1_000;

const model = (state: object, more: object = {}) => ({
  name: "kserve-container",
  image: "e/m:1",
  imageID: "",
  ready: false,
  restartCount: 0,
  state,
  ...more,
});
const waiting = (reason: string, message: string): Pod["status"] =>
  ({ phase: "Pending", containerStatuses: [model({ waiting: { reason, message } })] }) as Pod["status"];
const end = (message: string, reason = "Error", exitCode = 1) => ({
  terminated: { exitCode, reason, message, startedAt: "2026-01-01T00:00:00Z", finishedAt: "2026-01-01T00:00:00Z" },
});
const initEnd = (message: string, reason?: string, exitCode?: number): Pod["status"] =>
  ({
    phase: "Pending",
    initContainerStatuses: [model(end(message, reason, exitCode), { name: "storage-initializer" })],
  }) as Pod["status"];
const unscheduled = (message: string): Pod["status"] =>
  ({
    phase: "Pending",
    conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }],
  }) as Pod["status"];
const running = (startedAt: string): Pod["status"] =>
  ({ phase: "Running", containerStatuses: [model({ running: { startedAt } })] }) as Pod["status"];

const rows: readonly (readonly [name: string, status: Pod["status"], reason: string])[] = [
  ["no-memory", unscheduled("0/1 nodes are available: 1 Insufficient memory."), "InsufficientResources"],
  ["no-claim", unscheduled('0/1 nodes are available: persistentvolumeclaim "m" not found.'), "VolumeNotBound"],
  ["no-image", waiting("ErrImagePull", "manifest unknown"), "ImageNotFound"],
  ["no-secret", waiting("CreateContainerConfigError", 'secret "keys" not found'), "ReferenceMissing"],
  ["small", initEnd("", "OOMKilled", 137), "OutOfMemory"],
  ["forbidden", initEnd("An error occurred (403) when calling the HeadObject operation"), "StorageAccessDenied"],
  [
    "crash",
    { phase: "Running", containerStatuses: [model(end("OPENAI_API_KEY required"))] } as Pod["status"],
    "ApiKeyRequired",
  ],
  ["mute", running("2026-01-01T00:00:00Z"), "ProbeFailing"],
];

describe(`causes on ${kubeconfig === undefined ? "the embedded API server" : "a real cluster"}`, () => {
  let home: Home;
  before(async () => {
    home = await startHome();
  });
  after(async () => {
    const { items } = await home.cluster.list(inferenceServices, { namespace });
    for (const isvc of items) await home.cluster.delete(inferenceServices, keyOf(isvc));
    await home.quiet();
    await home.close();
  });

  const saysSo =
    (reason: string) =>
    ({ status }: InferenceService): boolean =>
      status?.serval?.reason === reason;
  const eventsOf = async (name: string, reason: string) =>
    (await home.cluster.list(resources.coreEvents, { namespace })).items.filter(
      ({ involvedObject, reason: of }) => involvedObject.name === name && of === reason,
    );

  for (const [name, status, reason] of rows)
    it(`${reason} is told within a second, once, and goes`, async (context) => {
      const isvc = sklearn(name);
      await home.cluster.create(inferenceServices, isvc);
      await home.until(keyOf(isvc), (next) => conditionOf(next, "PredictorReady") !== "");
      await home.quiet();
      await setPodStatus(home, `isvc.${name}-predictor`, status);
      const written = performance.now();
      const failed = await home.until(keyOf(isvc), saysSo(reason));
      const tookMs = performance.now() - written;
      context.diagnostic(`${Math.round(tookMs)} ms`);
      assert.ok(tookMs < visibleMs, `visible after ${Math.round(tookMs)} ms`);
      assert.match(failed.status?.serval?.code ?? "", /^SV\d{4}$/);
      assert.notEqual(failed.status?.serval?.fix ?? "", "");
      await home.quiet();
      assert.equal((await eventsOf(name, reason)).length, 1, "one event");
      await setPodStatus(home, `isvc.${name}-predictor`, {
        ...readyPod,
        initContainerStatuses: [],
        containerStatuses: [model({ running: { startedAt: "2026-01-01T00:00:00Z" } }, { ready: true })],
      } as Pod["status"]);
      await home.until(keyOf(isvc), ({ status: now }) => now?.serval?.reason !== reason);
    });

  it("a refused pod names the quota", {
    skip: kubeconfig === undefined ? false : "needs the quota controller",
  }, async () => {
    const hard = { "limits.memory": "1Mi" };
    const quota = {
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { name: "tiny", namespace },
      spec: { hard },
      status: { hard, used: { "limits.memory": "0" } },
    };
    await home.cluster.create(resources.resourceQuotas, quota);
    const isvc = sklearn("quota");
    await home.cluster.create(inferenceServices, isvc);
    const failed = await home.until(keyOf(isvc), saysSo("QuotaExceeded"));
    assert.match(failed.status?.serval?.message ?? "", /quota: tiny/);
    await home.cluster.delete(resources.resourceQuotas, { namespace, name: "tiny" });
  });

  it("a Gateway that is not there is named within seconds, and the cause changes with it", async () => {
    const isvc = sklearn("gateway");
    await home.cluster.create(inferenceServices, isvc);
    await setPodStatus(home, "isvc.gateway-predictor", readyPod);
    const failed = await home.until(keyOf(isvc), saysSo("GatewayMissing"));
    const name = /Gateway (\S+)\/(\S+), which/.exec(failed.status?.serval?.message ?? "");
    assert.ok(name !== null, failed.status?.serval?.message ?? "");
    const gateway = {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { namespace: name[1] ?? "", name: name[2] ?? "" },
      spec: { gatewayClassName: "nobody", listeners: [{ name: "http", port: 80, protocol: "HTTP" }] },
    };
    await home.cluster.create(resources.gateways, gateway);
    const next = await home.until(keyOf(isvc), saysSo("GatewayClassUnknown"));
    assert.match(next.status?.serval?.message ?? "", /GatewayClass nobody, which does not exist/);
    await home.cluster.delete(resources.gateways, keyOf(gateway));
  });
});
