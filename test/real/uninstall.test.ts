// SPDX-License-Identifier: Apache-2.0
// What it proves: `kubectl delete -f deploy/serval.yaml` ends in time and takes no model: services and pods stay, models
// answer through their Services, and new objects are not held up. Applied again, everything is adopted without a restart.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ask, askUntil } from "./ask.ts";
import {
  endStory,
  field,
  gatewayUrl,
  install,
  manifest,
  onCluster,
  type RealCluster,
  ready,
  startServing,
} from "./cluster.ts";

const namespace = "uninstall";
const named = { namespace, name: "sklearn-iris" };
const path = "/v1/models/sklearn-iris:predict";
const body = { instances: [[6.8, 2.8, 4.8, 1.4]] };

describe("Serval taken away and put back", onCluster, () => {
  let real: RealCluster;
  before(async () => {
    real = await startServing(named);
  });
  after(async () => {
    await install(real);
    await endStory(real, namespace);
  });

  const pods = (): Promise<string> =>
    real.kubectl(["get", "pods", "-n", namespace, "-o", "jsonpath={.items[*].metadata.uid}"]);
  const answers = async (): Promise<string> =>
    (await ask(`http://sklearn-iris-predictor.${namespace}.svc.cluster.local${path}`, { body })).text;

  it("loses no model, hangs nowhere, and adopts what is there", async (t) => {
    const before = await pods();
    const startedAt = performance.now();
    await real.kubectl(["delete", "-f", manifest, "--timeout=60s"]);
    t.diagnostic(`deleted in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
    assert.equal(await answers(), '{"predictions":[1]}');
    assert.equal(await pods(), before);
    assert.match(await real.kubectl(["get", "isvc", "-n", namespace]), /sklearn-iris/);
    // No webhook of the install may stand in the way of what others do now.
    // Not really: an annotation goes to the pods, which is a new roll-out.
    const dryRun = ["--dry-run=server", "example.com/seen=yes"];
    await real.kubectl(["annotate", "isvc", "sklearn-iris", "-n", namespace, ...dryRun]);
    const hooks = ["get", "mutatingwebhookconfigurations,validatingwebhookconfigurations", "-o", "name"];
    assert.equal(await real.kubectl(hooks), "");

    await install(real);
    await ready(real, named);
    const { host } = new URL(await field(real, named, ".status.url"));
    assert.equal((await askUntil(`${gatewayUrl}${path}`, { host, body })).text, '{"predictions":[1]}');
    assert.equal(await pods(), before);
  });
});
