// SPDX-License-Identifier: Apache-2.0
// A controller on controller-runtime and a watch on Python's kubernetes package, while the embedded home's control plane
// is killed again and again: they see everything that happened.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCluster, loadKubeconfig, remoteTransport } from "@serval/kube";
import { Home } from "../e2e/home.ts";
import { controllerProgram } from "./go.ts";
import { pythonWithKserve } from "./python.ts";
import { playUnrest, startWitness } from "./unrest.ts";
import { follower } from "./witnesses.ts";

const [python, program] = await Promise.all([pythonWithKserve(), controllerProgram()]);
const why = [python, program].find((text) => text.startsWith("skip:"))?.slice(5);

describe("clients nobody here wrote, on the embedded home", { skip: why ?? false }, () => {
  it("miss nothing while the control plane is killed five times", async () => {
    const home = await Home.make();
    const witnesses: ReturnType<typeof startWitness>[] = [];
    try {
      await home.ready();
      const cluster = createCluster(remoteTransport(await loadKubeconfig(home.kubeconfig)), "serval-e2e");
      witnesses.push(
        startWitness(python, follower(home.kubeconfig, "default")),
        startWitness(program, [], { KUBECONFIG: home.kubeconfig }),
      );
      await Promise.all(witnesses.map((witness) => witness.says(["led"])));
      const restart = async (): Promise<void> => {
        const { controlPlane } = await home.state();
        process.kill(controlPlane?.pid as number, "SIGKILL");
        await home.stateUntil(
          "a new control plane",
          (state) => state.controlPlane !== undefined && state.controlPlane.pid !== controlPlane?.pid,
        );
      };
      const known = async (lines: readonly string[]): Promise<void> => {
        await Promise.all(witnesses.map((witness) => witness.says(lines)));
      };
      const happened = await playUnrest({ cluster, namespace: "default", restart, known });
      assert.ok(happened.length >= 30, `${happened.length} things happened`);
      await known(happened);
      const copied = happened.filter((line) => line.startsWith("added")).map((line) => line.replace("added", "copied"));
      await witnesses[1]?.says(copied);
      await cluster[Symbol.asyncDispose]();
    } finally {
      await Promise.all(witnesses.map((witness) => witness.close()));
      await home.close();
    }
  });
});
