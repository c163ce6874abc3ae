// SPDX-License-Identifier: Apache-2.0
// Kinds without a controller in this release say so in their status, once, and never to an object that has one.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type KubeObject, llmInferenceServices, localModelCaches, type ResourceType } from "@serval/api";
import { emptied, type Home, namespace, startHome, untilObject } from "./home.ts";

describe("kinds that nothing is made of yet", () => {
  let home: Home;
  before(async () => {
    home = await startHome();
  });
  after(async () => {
    await emptied(home, llmInferenceServices as ResourceType<KubeObject>);
    await home.close();
  });

  const llm = (name: string) =>
    ({
      apiVersion: "serving.kserve.io/v1alpha2",
      kind: "LLMInferenceService",
      metadata: { name, namespace },
      spec: { model: { uri: "hf://org/model" } },
    }) as never;

  it("an LLMInferenceService is not Ready, with the way out", async () => {
    await home.cluster.create(llmInferenceServices, llm("big"));
    const told = await untilObject(home, llmInferenceServices, "big", (object) => object?.status !== undefined);
    const [ready] = told?.status?.conditions ?? [];
    assert.deepEqual([ready?.type, ready?.status, ready?.reason], ["Ready", "False", "FeatureNotSupported"]);
    assert.match(ready?.message ?? "", /Serve the model with an InferenceService \(SV7002\)$/);
    await home.quiet();
    home.calls.splice(0);
    await home.restartOperator();
    await home.quiet();
    assert.deepEqual(home.calls.splice(0), []);
  });

  it("one that another controller serves is left alone", async () => {
    await home.restartOperator();
    const theirs = { conditions: [{ type: "Ready", status: "True" }] };
    await home.operator.synced;
    const body = { status: theirs };
    await home.cluster.patch(
      llmInferenceServices,
      { namespace, name: "big" },
      { type: "merge", body },
      { subresource: "status" },
    );
    await home.quiet();
    const kept = await home.cluster.get(llmInferenceServices, { namespace, name: "big" });
    assert.equal(kept?.status?.conditions?.[0]?.status, "True");
  });

  it("a LocalModelCache has the reason under status.serval", async () => {
    const cache = {
      apiVersion: "serving.kserve.io/v1alpha1",
      kind: "LocalModelCache",
      metadata: { name: "iris" },
      spec: { sourceModelUri: "s3://models/iris", modelSize: "1Gi", nodeGroups: ["gpus"] },
    };
    await home.cluster.create(localModelCaches, cache as never);
    for (const end = Date.now() + 10_000; ; ) {
      const stored = await home.cluster.get(localModelCaches, { name: "iris" });
      if (stored?.status?.serval?.code === "SV7002") break;
      assert.ok(Date.now() < end, JSON.stringify(stored?.status));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await home.cluster.delete(localModelCaches, { name: "iris" });
  });
});
