// SPDX-License-Identifier: Apache-2.0
// The agent: when it stands before the model, and what it is told.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ServingRuntime } from "@serval/api";
import { agentSidecar } from "./agent.ts";
import { artContainer } from "./art.ts";
import { metricsPort } from "./metrics.ts";
import { servesManyModels } from "./multi-model.ts";
import { configOf, contextOf, templateOf } from "./testing/pod-context.ts";

const agentOf = (...[template, input]: [Parameters<typeof templateOf>[0], Parameters<typeof contextOf>[0]]) => {
  const { spec } = agentSidecar(templateOf(template), contextOf(input));
  return { spec, agent: spec.containers.find(({ name }) => name === "agent") };
};
/** What follows a flag. */
const following = (args: readonly string[] | undefined, flag: string): string | undefined =>
  args?.[args.indexOf(flag) + 1];

describe("the agent", () => {
  it("is only there when asked for, and never twice", () => {
    assert.equal(agentOf({}, {}).agent, undefined);
    const containers = [{ name: "kserve-container" }, { name: "agent", image: "mine" }];
    assert.equal(agentOf({ containers }, { predictor: { batcher: {} } }).spec.containers.length, 2);
  });
  it("pulls models into a folder that it shares with the server", () => {
    const { spec, agent } = agentOf({}, { isMultiModel: true });
    assert.deepEqual(agent?.args?.slice(0, 5), [
      "--enable-puller",
      "--config-dir",
      "/mnt/configs",
      "--model-dir",
      "/mnt/models",
    ]);
    assert.deepEqual(spec.containers[0]?.volumeMounts, [{ name: "model-dir", mountPath: "/mnt/models" }]);
    assert.deepEqual(spec.volumes, [
      { name: "model-dir", emptyDir: {} },
      { name: "model-config", configMap: { name: "modelconfig-m-0" } },
    ]);
  });
  it("has the credentials of its pod, and those of the logger's account", () => {
    const known = {
      accounts: { default: { secrets: [{ name: "hf" }] }, "logger-sa": { secrets: [{ name: "s3" }] } },
      secrets: { hf: { data: { HF_TOKEN: "t" } }, s3: { data: { awsSecretAccessKey: "x", awsAccessKeyID: "y" } } },
    };
    const storage = { path: "s3://logs", parameters: { format: "json" }, key: "k" };
    const predictor = { logger: { mode: "all" as const, url: "http://sink", storage } };
    const { agent } = agentOf({}, { predictor, known });
    assert.deepEqual(
      agent?.env?.map(({ name }) => name),
      ["HF_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
    );
    assert.equal(following(agent?.args, "--log-store-path"), "s3://logs");
    assert.equal(following(agent?.args, "--log-store-format"), "json");
  });
  it("takes from the configuration what the logger leaves open", () => {
    const config = configOf({
      logger: { defaultUrl: "http://default", marshallerUrl: "http://m", batchSize: 5, batchInterval: "3s" },
    });
    const { agent } = agentOf({}, { config, predictor: { logger: { mode: "request" as const } } });
    for (const [flag, value] of [
      ["--log-url", "http://default"],
      ["--log-mode", "request"],
      ["--log-marshaller-url", "http://m"],
      ["--log-batch-size", "5"],
      ["--log-batch-interval", "3s"],
    ] as const)
      assert.equal(following(agent?.args, flag), value);
  });
  it("stands between Knative's sidecar and the model", () => {
    const queue = { name: "queue-proxy", env: [{ name: "USER_PORT", value: "8080" }] };
    const { spec, agent } = agentOf(
      { containers: [{ name: "kserve-container" }, queue] },
      { predictor: { batcher: {} } },
    );
    assert.deepEqual(agent?.env, queue.env);
    assert.deepEqual(spec.containers[1]?.env, [{ name: "USER_PORT", value: "9081" }]);
  });
  it("is no worker's", () =>
    assert.equal(
      agentOf(
        {},
        { predictor: { batcher: {} }, group: { isWorker: true, env: [], gpu: { type: "nvidia.com/gpu", count: 1 } } },
      ).agent,
      undefined,
    ));
});

describe("a predictor of many models", () => {
  const runtime = (serverType: string, spec = {}): ServingRuntime => ({
    apiVersion: "serving.kserve.io/v1alpha1",
    kind: "ServingRuntime",
    metadata: { name: "r", annotations: { "serving.kserve.io/server-type": serverType } },
    spec: { containers: [], ...spec },
  });
  const model = (more = {}) => ({ model: { modelFormat: { name: "x" }, ...more } });
  const own = (value: string) => ({
    containers: [{ name: "kserve-container", env: [{ name: "MULTI_MODEL_SERVER", value }] }],
  });
  const table: readonly (readonly [string, object, ServingRuntime | undefined, boolean])[] = [
    ["a server that loads models later", model(), runtime("sklearnserver"), true],
    ["the same with a model", model({ storageUri: "s3://b" }), runtime("sklearnserver"), false],
    ["the same with a storage spec", model({ storage: { key: "k" } }), runtime("sklearnserver"), false],
    ["the same with several models", { ...model(), storageUris: [{ uri: "s3://b" }] }, runtime("mlserver"), false],
    ["vLLM, which loads by itself", model(), runtime("vllmserver"), false],
    ["Hugging Face", model(), runtime("huggingfaceserver"), false],
    ["an unknown server", model(), runtime("mine"), false],
    ["an unknown server that says so", model(), runtime("mine", { multiModel: true }), true],
    ["own containers", own("false"), undefined, false],
    ["own containers that say so", own("true"), undefined, true],
  ];
  for (const [name, predictor, of, expected] of table)
    it(`${name}: ${expected}`, () => assert.equal(servesManyModels(predictor, of), expected));
});

describe("metrics", () => {
  const queue = { containers: [{ name: "kserve-container" }, { name: "queue-proxy" }] };
  const config = configOf({ metricsAggregator: { enableMetricAggregation: "true", enablePrometheusScraping: "true" } });
  it("are gathered by Knative's sidecar when they are aggregated", () => {
    const notes = { "prometheus.kserve.io/port": "8082" };
    const { spec, metadata } = metricsPort(templateOf(queue, notes), contextOf({ config }));
    assert.deepEqual(spec.containers[1], {
      name: "queue-proxy",
      env: [
        { name: "KSERVE_CONTAINER_PROMETHEUS_METRICS_PORT", value: "8082" },
        { name: "KSERVE_CONTAINER_PROMETHEUS_METRICS_PATH", value: "/metrics" },
        { name: "AGGREGATE_PROMETHEUS_METRICS_PORT", value: "9088" },
      ],
      ports: [{ name: "aggr-metric", containerPort: 9088, protocol: "TCP" }],
    });
    assert.equal(metadata.annotations?.["prometheus.io/port"], "9088");
  });
  it("go by the pod's annotations before the configuration", () => {
    const notes = { "serving.kserve.io/enable-metric-aggregation": "false" };
    const { spec, metadata } = metricsPort(templateOf(queue, notes), contextOf({ config }));
    assert.equal(spec.containers[1]?.env, undefined);
    assert.equal(metadata.annotations?.["prometheus.io/port"], "9091");
  });
});

describe("the built-in explainer", () => {
  const explainer = (art: object) =>
    artContainer({ art, config: configOf(), modelName: "m", predictorHost: "m-predictor.ns", workers: 2 });
  it("is told about the predictor, and the user's arguments once", () => {
    const container = explainer({
      type: "SquareAttack",
      storageUri: "s3://b",
      config: { nb_classes: "10", eps: "1" },
      args: ["--verbose"],
    });
    assert.equal(container.image, "kserve/art-explainer:latest");
    assert.equal(container.name, "kserve-container");
    assert.equal(
      container.args?.join(" "),
      "--model_name m --http_port 8080 --predictor_host m-predictor.ns --workers 2 --storage_uri /mnt/models --adversary_type SquareAttack --eps 1 --nb_classes 10 --verbose",
    );
  });
  it("may be another version or image", () => {
    assert.equal(explainer({ type: "SquareAttack", runtimeVersion: "v2" }).image, "kserve/art-explainer:v2");
    assert.equal(explainer({ type: "SquareAttack", image: "e/art:1" }).image, "e/art:1");
  });
});
