// SPDX-License-Identifier: Apache-2.0
// What it proves: the chart under Helm 4 on a real cluster: installed with --wait the first time, upgraded, rolled back and
// uninstalled; nothing hangs, and kinds and services outlive the release.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { helmPath } from "../kubectl.ts";
import { askUntil } from "./ask.ts";
import {
  example,
  gatewayUrl,
  manifest,
  namespaceWithModels,
  onCluster,
  type RealCluster,
  realCluster,
  removeNamespace,
  root,
  systemNamespace,
} from "./cluster.ts";

const namespace = "by-helm";
const chart = join(root, "deploy/chart");
const run = promisify(execFile);
const question = { body: { instances: [[6.8, 2.8, 4.8, 1.4]] } };
const path = `/serving/${namespace}/sklearn-iris/v1/models/sklearn-iris:predict`;

describe("the Helm chart on a real cluster", onCluster, () => {
  let real: RealCluster;
  let helm: (...args: string[]) => Promise<string>;
  before(async () => {
    real = await realCluster();
    const program = await helmPath();
    assert.ok(program !== undefined);
    const { dir, kubeconfig } = real.placed.layout;
    const home = join(dir, "helm");
    const env = { ...process.env, HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home };
    helm = async (...args) => {
      const all = [...args, "--kubeconfig", kubeconfig, "-n", systemNamespace];
      return (await run(program, all, { env, timeout: 200_000 })).stdout;
    };
    await real.tell(["delete", "-f", manifest, "--ignore-not-found", "--timeout=120s"]);
    await namespaceWithModels(real, namespace);
  });
  after(async () => {
    await helm("uninstall", "serval", "--ignore-not-found", "--wait", "--timeout", "120s");
    await removeNamespace(real, namespace);
    await real[Symbol.asyncDispose]();
  });

  const gateways = async (): Promise<string> =>
    real.kubectl([
      "get",
      "deployment",
      "serval-gateway",
      "-n",
      systemNamespace,
      "-o",
      "jsonpath={.status.readyReplicas}",
    ]);
  const podsOfService = (): Promise<string> =>
    real.kubectl(["get", "pods", "-n", namespace, "-o", "jsonpath={.items[*].metadata.uid}"]);
  let pods: string;

  it("installs at the first try, and a service is ready", async () => {
    const wait = ["--wait", "--timeout", "180s"];
    const notes = await helm("upgrade", "--install", "serval", chart, "--create-namespace", ...wait);
    assert.match(notes, /STATUS: deployed/);
    // Helm waits for the Deployments, and the operator is ready when its webhooks are.
    await real.kubectl(["apply", "-n", namespace, "-f", "-"], await example("quickstart/sklearn-iris.yaml"));
    await real.kubectl(["wait", "-n", namespace, "--for=condition=Ready", "isvc/sklearn-iris", "--timeout=120s"]);
    await askUntil(`${gatewayUrl}${path}`, question);
    pods = await podsOfService();
  });

  it("upgrades and rolls back", async () => {
    await helm("upgrade", "serval", chart, "--set", "gateway.replicaCount=1", "--wait", "--timeout", "180s");
    assert.equal(await gateways(), "1");
    await helm("rollback", "serval", "1", "--wait", "--timeout", "180s");
    assert.equal(await gateways(), "2");
    await askUntil(`${gatewayUrl}${path}`, question);
    assert.equal(await podsOfService(), pods);
  });

  it("uninstalls, and leaves kinds, services and their pods", async () => {
    await helm("uninstall", "serval", "--wait", "--timeout", "120s");
    assert.equal(await real.kubectl(["get", "deployments", "-n", systemNamespace, "-o", "name"]), "");
    await real.kubectl(["get", "crd", "inferenceservices.serving.kserve.io"]);
    assert.equal(await podsOfService(), pods);
    const service = `http://sklearn-iris-predictor.${namespace}.svc.cluster.local/v1/models/sklearn-iris:predict`;
    assert.equal((await askUntil(service, question)).text, '{"predictions":[1]}');
    // No webhook is left that nobody answers.
    await real.kubectl(["annotate", "-n", namespace, "isvc/sklearn-iris", "after=uninstall"]);
  });
});
