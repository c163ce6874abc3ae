// SPDX-License-Identifier: Apache-2.0
// What it proves: the journey that the seed text describes, from its first command to its last, on a real cluster with a
// tiny language model in place of the large one: install, apply, wait, chat completion with curl, canary, roll back,
// troubleshoot, migrate from a raw Deployment.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { images } from "@serval/api";
import { until } from "./cluster/until.ts";
import {
  endStory,
  example,
  field,
  gatewayUrl,
  onCluster,
  type RealCluster,
  ready,
  small,
  startStory,
} from "./cluster.ts";

const run = promisify(execFile);
const namespace = "seed";
const named = { namespace, name: "llama3-8b" };
const question = {
  model: "llama3-8b",
  messages: [{ role: "user", content: "Explain KServe in 2 lines." }],
  max_tokens: 60,
  temperature: 0,
};

const kvCache = "        - --enable-prefix-caching\n";

/** The seed's quick start; its limits ask for more than this node has. */
async function quickstart(): Promise<string> {
  const text = await example("seed-quickstart.yaml");
  return text.replace(/ {6}resources:\n {8}limits: .*\n/, "");
}

/** A hand-made Deployment with its Service, as the seed migrates from. */
const rawDeployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "hand-made", namespace },
  spec: {
    selector: { matchLabels: { app: "hand-made" } },
    template: {
      metadata: { labels: { app: "hand-made" } },
      spec: {
        containers: [
          {
            name: "server",
            image: images.modelServer,
            args: [
              "--framework=xgboost",
              "--model_name=cancer",
              "--model_dir=/models/cancer-xgboost",
              "--http_port=8080",
            ],
            ports: [{ containerPort: 8080 }],
            volumeMounts: [{ name: "models", mountPath: "/models", readOnly: true }],
          },
        ],
        volumes: [{ name: "models", persistentVolumeClaim: { claimName: "models" } }],
      },
    },
  },
};

describe("the seed's journey on a real cluster", onCluster, () => {
  let real: RealCluster;
  const apply = (text: string): Promise<string> => real.kubectl(["apply", "-n", namespace, "-f", "-"], text);
  const status = (path: string): Promise<string> => field(real, named, `.status.${path}`);

  before(async () => {
    real = await startStory(namespace);
  });
  after(() => endStory(real, namespace));

  it("apply, wait, chat", async (t) => {
    await apply(await quickstart());
    t.diagnostic(`ready after ${(await ready(real, named)).toFixed(1)} s`);
    const host = new URL(await status("url")).host;
    const ask = async (): Promise<string> => {
      const { stdout } = await run("curl", [
        ...["-sS", "--fail-with-body", `${gatewayUrl}/v1/chat/completions`, "-H", `Host: ${host}`],
        ...["-H", "Content-Type: application/json", "-d", JSON.stringify(question)],
      ]);
      return stdout;
    };
    const answer = JSON.parse(await until("an answer", ask)) as { choices: { message: { content: string } }[] };
    assert.match(answer.choices[0]?.message.content ?? "", /KServe is a Kubernetes-native platform/);
    // metrics-server cannot run here: the HPA is there, and holds the least number of replicas.
    const hpa = await real.kubectl(["get", "hpa", "-n", namespace, "-o", "jsonpath={.items[0].spec.maxReplicas}"]);
    assert.equal(hpa, "4");
  });

  it("canary, then roll back", async () => {
    const canary = (await quickstart())
      .replace("  predictor:\n", "  canaryTrafficPercent: 10\n  predictor:\n")
      .replace(kvCache, `${kvCache}        - --max-num-seqs=8\n`);
    await apply(canary);
    const weights = (): Promise<string> =>
      real.kubectl([
        ...["get", "httproute", named.name, "-n", namespace],
        ...["-o", "jsonpath={.spec.rules[0].backendRefs[*].weight}"],
      ]);
    await until("the canary's share", async () => (await weights()) === "90 10");
    await apply(await quickstart());
    await until("the roll back", async () => (await weights()) === "1");
    await ready(real, named);
  });

  it("troubleshoot: a wrong storageUri is named in kubectl get isvc", async () => {
    const wrong = (await example("canary/cancer.yaml")).replace("pvc://models/cancer-xgboost", "pvc://nowhere/model");
    await apply(wrong);
    const row = await until("the reason", async () => {
      const text = await real.kubectl(["get", "isvc", "cancer", "-n", namespace]);
      return /False/.test(text) && /(Volume|Claim|Storage|PVC)\w*/i.test(text.split("\n")[1] ?? "") ? text : undefined;
    });
    assert.match(row, /cancer/);
    const message = await field(real, { namespace, name: "cancer" }, ".status.serval.message");
    assert.match(message, /nowhere/);
    await real.kubectl(["delete", "isvc", "cancer", "-n", namespace]);
  });

  it("migrate from a raw Deployment: both answer alike, then the hand-made one goes", async () => {
    const container = rawDeployment.spec.template.spec.containers[0];
    assert.ok(container !== undefined);
    await apply(JSON.stringify(rawDeployment));
    await real.kubectl([
      "wait",
      "-n",
      namespace,
      "--for=condition=Available",
      "deployment/hand-made",
      "--timeout=120s",
    ]);
    const runtime = {
      apiVersion: "serving.kserve.io/v1alpha1",
      kind: "ServingRuntime",
      metadata: { name: "hand-made", namespace },
      spec: {
        supportedModelFormats: [{ name: "hand-made", version: "1" }],
        containers: [
          {
            ...container,
            name: "kserve-container",
            volumeMounts: undefined,
            args: ["--framework=xgboost", "--model_name={{.Name}}", "--model_dir=/mnt/models", "--http_port=8080"],
          },
        ],
      },
    };
    await apply(JSON.stringify(runtime));
    await apply(`apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: { name: cancer }
spec:
  predictor:
    model:
      modelFormat: { name: hand-made }
      runtime: hand-made
      storageUri: pvc://models/cancer-xgboost
      ${small}
`);
    await ready(real, { namespace, name: "cancer" });
    const body = JSON.stringify({ instances: [Array.from({ length: 30 }, (_, index) => index)] });
    const post = async (url: string): Promise<string> =>
      (await run("curl", ["-sS", "--fail-with-body", url, "-H", "Content-Type: application/json", "-d", body])).stdout;
    const pod = ["get", "pods", "-n", namespace, "-l", "app=hand-made", "-o", "jsonpath={.items[0].status.podIP}"];
    const before = await post(`http://${await real.kubectl(pod)}:8080/v1/models/cancer:predict`);
    const after = await post(`http://cancer-predictor.${namespace}.svc.cluster.local/v1/models/cancer:predict`);
    assert.equal(after, before);
    await real.kubectl(["delete", "deployment", "hand-made", "-n", namespace]);
  });
});
