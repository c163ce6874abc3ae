// SPDX-License-Identifier: Apache-2.0
// What it proves: a weighted canary on a real cluster, its split measured at 10 and 50 percent, rolled back, again, and
// promoted, without a failed request: through the project's gateway and through Traefik, an implementation of the Gateway
// API that is not ours.
import { after, afterEach, before, beforeEach, describe, it, type TestContext } from "node:test";
import {
  gatewayUrl,
  install,
  namespaceWithModels,
  onCluster,
  type RealCluster,
  realCluster,
  removeNamespace,
} from "./cluster.ts";
import { Rollout } from "./rollout.ts";
import { startTraefik, stopTraefik, traefikUrl } from "./traefik.ts";

const namespace = "canary";

async function story(rollout: Rollout, t: TestContext): Promise<void> {
  const seen: string[] = [];
  await rollout.start();
  await rollout.apply("steps/1-prepare.yaml");
  await rollout.weights("cancer-predictor:90 cancer-predictor-canary:10");
  seen.push(await rollout.split(10));
  await rollout.apply("steps/2-half.yaml");
  await rollout.weights("cancer-predictor:50 cancer-predictor-canary:50");
  seen.push(await rollout.split(50));
  await rollout.apply("cancer.yaml");
  await rollout.weights("cancer-predictor:1");
  seen.push(await rollout.split(0));
  await rollout.apply("steps/1-prepare.yaml");
  await rollout.weights("cancer-predictor:90 cancer-predictor-canary:10");
  await rollout.apply("steps/4-promote.yaml");
  await rollout.weights("cancer-predictor:1");
  seen.push(await rollout.split(100));
  seen.push(await rollout.nothingFailed());
  for (const line of seen) t.diagnostic(line);
}

describe("a canary on a real cluster", onCluster, () => {
  let real: RealCluster;
  let rollout: Rollout | undefined;
  before(async () => {
    real = await realCluster();
    await install(real);
  });
  beforeEach(() => namespaceWithModels(real, namespace));
  afterEach(async () => {
    await rollout?.end();
    await removeNamespace(real, namespace);
  });
  after(() => real[Symbol.asyncDispose]());

  it("through the project's gateway", async (t) => {
    rollout = new Rollout(real, namespace, gatewayUrl);
    await story(rollout, t);
  });
  it("through Traefik", async (t) => {
    await startTraefik(real);
    try {
      rollout = new Rollout(real, namespace, traefikUrl);
      await story(rollout, t);
    } finally {
      await rollout?.end();
      await stopTraefik(real);
    }
  });
});
