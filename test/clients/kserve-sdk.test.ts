// SPDX-License-Identifier: Apache-2.0
// KServe's Python SDK, unmodified, against the embedded home: real pods, a real answer of the model.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Home } from "../e2e/home.ts";
import { pythonWithKserve, tell } from "./python.ts";
import { stepsEverywhere } from "./sdk-steps.ts";

const python = await pythonWithKserve();

describe("KServe's Python SDK on the embedded home", {
  skip: python.startsWith("skip:") ? python.slice(5) : false,
}, () => {
  it("creates, reads, patches, replaces, watches, waits for and deletes every kind", async () => {
    const home = await Home.make();
    try {
      await home.ready();
      const { steps, code, stderr } = await tell(python, "kserve_sdk.py", {
        kubeconfig: home.kubeconfig,
        namespace: "default",
        storageUri: "file:///examples/models/iris-svc",
        gateway: `127.0.0.1:${home.port}`,
        // The graph router is an image; this home runs none of it.
        graphsRun: false,
      });
      assert.equal(code, 0, stderr);
      const passed = steps.filter((step) => stepsEverywhere.includes(step));
      assert.deepEqual(passed, stepsEverywhere);
      assert.ok(steps.includes("wait_model_ready"));
    } finally {
      await home.close();
    }
  });
});
