// SPDX-License-Identifier: Apache-2.0
// What it proves: a node that dies with all its pods and comes back serves again without anybody's help, and while it is
// away the service says so.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { askUntil } from "./ask.ts";
import { nodeReady, startNode } from "./cluster/node.ts";
import { stop } from "./cluster/processes.ts";
import { endStory, field, gatewayUrl, onCluster, type RealCluster, ready, startServing } from "./cluster.ts";

const run = promisify(execFile);
const namespace = "node-restart";
const named = { namespace, name: "sklearn-iris" };

/** As a power cut: every container's processes end, nobody is told. */
async function killContainers({ placed }: RealCluster): Promise<void> {
  const ctr = ["--address", placed.layout.containerdSocket, "--namespace", "k8s.io"];
  const { stdout } = await run("ctr", [...ctr, "tasks", "ls"]);
  const pids = stdout
    .split("\n")
    .slice(1)
    .flatMap((line) => line.trim().split(/\s+/)[1] ?? []);
  await stop(placed, "containerd", "SIGKILL");
  for (const pid of pids.map(Number)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended with the container that it belonged to.
    }
  }
}

describe("a node that dies and comes back", onCluster, () => {
  let real: RealCluster;
  before(async () => {
    real = await startServing(named);
  });
  after(async () => {
    await startNode(real.placed, real.cluster);
    await endStory(real, namespace);
  });

  it("serves again by itself", async (t) => {
    await stop(real.placed, "kubelet", "SIGKILL");
    await killContainers(real);
    await nodeReady(real.cluster, "Unknown");
    // The operator of this cluster was on the node too: what it wrote last stands, and kubectl shows the node.
    const node = await real.kubectl(["get", "nodes"]);
    assert.match(node, /NotReady/);
    const startedAt = performance.now();
    await startNode(real.placed, real.cluster);
    const { host } = new URL(await field(real, named, ".status.url"));
    const body = { instances: [[6.8, 2.8, 4.8, 1.4]] };
    const question = { host, body };
    const answer = await askUntil(`${gatewayUrl}/v1/models/sklearn-iris:predict`, question);
    assert.equal(answer.text, '{"predictions":[1]}');
    t.diagnostic(`served again ${((performance.now() - startedAt) / 1000).toFixed(1)} s after the node came back`);
    await ready(real, named);
  });
});
