// SPDX-License-Identifier: Apache-2.0
// A controller on controller-runtime and a watch on Python's kubernetes package, while the embedded home's control plane
// is killed again and again: they see everything that happened.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCluster, loadKubeconfig, remoteTransport } from "@serval/kube";
import { Home } from "../e2e/home.ts";
import { controllerProgram } from "./go.ts";
import { pythonWithKserve } from "./python.ts";
import { assertKept, playUnrest } from "./unrest.ts";
import { startWitnesses, type Witnesses } from "./witnesses.ts";

const [python, program] = await Promise.all([pythonWithKserve(), controllerProgram()]);
const why = [python, program].find((text) => text.startsWith("skip:"))?.slice(5);
const namespace = "default";

/** `kill -9` of the control plane; resolves when the next one starts. */
async function restarted(home: Home): Promise<void> {
  const { controlPlane } = await home.state();
  process.kill(controlPlane?.pid as number, "SIGKILL");
  await home.stateUntil(
    "a new control plane",
    (state) => state.controlPlane !== undefined && state.controlPlane.pid !== controlPlane?.pid,
  );
}

describe("clients nobody here wrote, on the embedded home", { skip: why ?? false }, () => {
  it("miss nothing while the control plane is killed five times", async () => {
    const home = await Home.make();
    let witnesses: Witnesses | undefined;
    try {
      await home.ready();
      const { kubeconfig } = home;
      const cluster = createCluster(remoteTransport(await loadKubeconfig(kubeconfig)), "serval-e2e");
      witnesses = startWitnesses({ python, program, kubeconfig, cluster, namespace });
      await witnesses.led();
      const unrest = { cluster, namespace, restart: () => restarted(home), known: witnesses.known };
      const happened = await playUnrest(unrest);
      assert.ok(happened.length >= 30, `${happened.length} things happened`);
      await assertKept(unrest, happened);
      await witnesses.known(happened);
      assert.deepEqual(witnesses.lost(), []);
      await cluster[Symbol.asyncDispose]();
    } finally {
      await witnesses?.close();
      await home.close();
    }
  });
});
