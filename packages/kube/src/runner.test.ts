// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runController } from "./runner.ts";

describe("runController()", () => {
  it("lets timers run while a key comes back at once for ever", async () => {
    const stop = new AbortController();
    let reconciled = 0;
    const hasTurn = new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 20));
    const controller = runController({
      name: "busy",
      watches: [],
      signal: stop.signal,
      workers: 2,
      reconcile: async () => {
        reconciled += 1;
        // A test that fails ends too.
        if (reconciled > 200_000) stop.abort();
        controller.enqueue({ name: "a" });
        return undefined;
      },
    });
    controller.enqueue({ name: "a" });
    assert.equal(await hasTurn, true);
    assert.equal(stop.signal.aborted, false, "no timer ran while the controller worked");
    stop.abort();
    await controller.stopped;
  });
});
