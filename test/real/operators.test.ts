// SPDX-License-Identifier: Apache-2.0
// What it proves: of two operators one acts; killed with SIGKILL in the middle of a rollout, the other takes over and
// finishes it. No pod of the service is restarted, none is made twice, no request fails.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { until } from "./cluster/until.ts";
import {
  gatewayUrl,
  installed,
  onCluster,
  type RealCluster,
  removeNamespace,
  startStory,
  systemNamespace,
} from "./cluster.ts";
import { Rollout } from "./rollout.ts";

const namespace = "operators";

/** The pod that holds the lease. */
const leader = async (real: RealCluster): Promise<string> => {
  const at = ["get", "lease", "-n", "kserve", "kserve-controller-manager-leader-lock"];
  return (await real.kubectl([...at, "-o", "jsonpath={.spec.holderIdentity}"])).split("_")[0] ?? "";
};

/** The first process of a pod, as the machine sees it. */
async function processOf(real: RealCluster, pod: string): Promise<number> {
  const container = await real.kubectl([
    ...["get", "pod", pod, "-n", systemNamespace],
    ...["-o", "jsonpath={.status.containerStatuses[0].containerID}"],
  ]);
  const id = container.replace("containerd://", "");
  const state = `${real.placed.layout.dir}/containerd-state/io.containerd.runtime.v2.task/k8s.io/${id}/init.pid`;
  return Number(await readFile(state, "utf8"));
}

describe("two operators, one killed", onCluster, () => {
  let real: RealCluster;
  let rollout: Rollout | undefined;
  before(async () => {
    real = await startStory(namespace);
    await real.kubectl(["scale", "deployment/serval-operator", "-n", systemNamespace, "--replicas=2"]);
    await real.kubectl(["rollout", "status", "deployment/serval-operator", "-n", systemNamespace, "--timeout=120s"]);
  });
  after(async () => {
    await rollout?.end();
    await real.kubectl(["scale", "deployment/serval-operator", "-n", systemNamespace, "--replicas=1"]);
    await removeNamespace(real, namespace);
    await installed(real);
    await real[Symbol.asyncDispose]();
  });

  it("the other goes on where the first was", async (t) => {
    rollout = new Rollout(real, namespace, gatewayUrl);
    await rollout.start();
    const first = await leader(real);
    const killedAt = performance.now();
    await rollout.apply("steps/1-prepare.yaml");
    process.kill(await processOf(real, first), "SIGKILL");
    await rollout.weights("cancer-predictor:90 cancer-predictor-canary:10");
    t.diagnostic(`the canary had its share ${((performance.now() - killedAt) / 1000).toFixed(1)} s after the kill`);
    await rollout.split(10);
    await until("a leader", async () => (await leader(real)) !== "");
    t.diagnostic(await rollout.nothingFailed());
    const at = ["get", "pods", "-n", namespace, "-o"];
    const restarts = await real.kubectl([...at, "jsonpath={.items[*].status.containerStatuses[*].restartCount}"]);
    assert.equal(restarts, "0 0");
    const sets = await real.kubectl(["get", "replicasets", "-n", namespace, "-o", "name"]);
    assert.equal(sets.trim().split("\n").length, 2, sets);
  });
});
