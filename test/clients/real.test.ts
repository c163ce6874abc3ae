// SPDX-License-Identifier: Apache-2.0
// The same clients against a real kube-apiserver: KServe's SDK beside `serval operator` installed by its manifest, and
// the watchers while the API server is killed and etcd compacted.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inferenceServices } from "@serval/api";
import { startInstallHome, untilReady } from "../cluster/install-home.ts";
import { findAssets } from "../cluster/kube-apiserver.ts";
import { startWebhookHome } from "../cluster/webhook-home.ts";
import { controllerProgram } from "./go.ts";
import { judgesProgram, ofReady, verdictsOf } from "./judges/judges.ts";
import { pythonWithKserve, tell } from "./python.ts";
import { stepsEverywhere } from "./sdk-steps.ts";
import { assertKept, playUnrest } from "./unrest.ts";
import { startWitnesses } from "./witnesses.ts";

const assets = await findAssets(["kube-apiserver", "kube-controller-manager"]);
const [python, program, judges] = await Promise.all([pythonWithKserve(), controllerProgram(), judgesProgram()]);
const why = [assets, python, program, judges].find((text) => text.startsWith("skip:"))?.slice(5);

const service = {
  apiVersion: "serving.kserve.io/v1beta1",
  kind: "InferenceService",
  metadata: { name: "waited", namespace: "default" },
  spec: { predictor: { model: { modelFormat: { name: "sklearn" }, storageUri: "s3://models/iris" } } },
};

describe("clients nobody here wrote, on a real kube-apiserver", { skip: why ?? false }, () => {
  it("KServe's SDK creates, waits for, changes and deletes; kubectl wait, Argo CD and Flux see what it sees", async () => {
    const home = await startInstallHome(assets);
    try {
      await home.done(["apply", "--server-side", "-f", new URL("../../deploy/serval.yaml", import.meta.url).pathname]);
      const [operator, gateway] = [await home.operator(), await home.gateway()];
      await untilReady(operator);
      await untilReady(gateway);
      const { steps, code, stderr } = await tell(python, "kserve_sdk.py", {
        kubeconfig: home.server.kubeconfig,
        namespace: "default",
        storageUri: "s3://models/iris",
        gateway: null,
        graphsRun: true,
      });
      assert.equal(code, 0, stderr);
      const passed = steps.filter((step) => stepsEverywhere.includes(step));
      assert.deepEqual(passed, stepsEverywhere);
      assert.ok(steps.includes("wait_ig_ready"));

      await home.done(["create", "-f", "-"], service);
      const isvc = "inferenceservice/waited";
      for (const form of [
        ["--for=create", isvc],
        ["--for=condition=Ready", isvc],
        ["--for=condition=PredictorReady=True", isvc],
        ["--for=jsonpath={.status.modelStatus.states.targetModelState}=Loaded", isvc],
        ["--for=jsonpath={.status.url}", isvc],
        ["--for=condition=Ready", "inferenceservices", "--all"],
      ])
        await home.done(["wait", "--timeout=60s", ...form]);
      const live = await home.cluster.get(inferenceServices, { namespace: "default", name: "waited" });
      assert.ok(live !== undefined);
      assert.deepEqual(await verdictsOf(judges, [live]), [ofReady]);
      const gone = home.done(["wait", "--for=delete", "--timeout=60s", isvc]);
      await home.done(["delete", isvc, "--wait=false"]);
      await gone;
    } finally {
      await home.close();
    }
  });

  it("watchers miss nothing while the API server is killed and etcd compacted", async () => {
    const { server } = await startWebhookHome(assets);
    const { cluster, kubeconfig, restart, compact } = server;
    const witnesses = startWitnesses({ python, program, kubeconfig, cluster, namespace: "default" });
    try {
      await witnesses.led();
      const unrest = { cluster, namespace: "default", restart, compact, known: witnesses.known };
      const happened = await playUnrest(unrest);
      assert.ok(happened.length >= 30, `${happened.length} things happened`);
      await assertKept(unrest, happened);
      await witnesses.known(happened);
      assert.deepEqual(witnesses.lost(), []);
    } finally {
      await witnesses.close();
      await server.close();
    }
  });
});
