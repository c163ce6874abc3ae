// SPDX-License-Identifier: Apache-2.0
// What it proves: a ResourceQuota on InferenceServices holds on a real cluster, and kubectl says which and how many.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { until } from "./cluster/until.ts";
import { endStory, example, onCluster, type RealCluster, startStory } from "./cluster.ts";

const namespace = "quota";
const resource = "count/inferenceservices.serving.kserve.io";

describe("ResourceQuota on a real cluster", onCluster, () => {
  let real: RealCluster;
  before(async () => {
    real = await startStory(namespace);
  });
  after(() => endStory(real, namespace));

  it("refuses the service that is one too many, by name of the quota", async () => {
    await real.kubectl(["create", "quota", "one-model", "-n", namespace, `--hard=${resource}=1`]);
    await until("the quota to be counted", async () => {
      const status = await real.kubectl([
        "get",
        "quota",
        "one-model",
        "-n",
        namespace,
        "-o",
        "jsonpath={.status.used}",
      ]);
      return status.includes(`"${resource}":"0"`);
    });
    await real.kubectl(["apply", "-n", namespace, "-f", "-"], await example("canary/cancer.yaml"));
    const { code, stderr } = await real.tell(
      ["apply", "-n", namespace, "-f", "-"],
      await example("quickstart/sklearn-iris.yaml"),
    );
    assert.equal(code, 1);
    assert.match(
      stderr,
      /"sklearn-iris" is forbidden: exceeded quota: one-model, requested: .*=1, used: .*=1, limited/,
    );
  });
});
