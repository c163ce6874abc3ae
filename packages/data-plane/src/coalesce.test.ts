// SPDX-License-Identifier: Apache-2.0
// Bursts of changes become one run; nothing is lost while one runs or after it failed.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { coalesce } from "./coalesce.ts";

/** A piece of work whose every run the test ends. */
function controlled() {
  const runs: PromiseWithResolvers<void>[] = [];
  const begun: (() => void)[] = [];
  const errors: unknown[] = [];
  const trigger = coalesce(
    () => {
      const run = Promise.withResolvers<void>();
      runs.push(run);
      begun.shift()?.();
      return run.promise;
    },
    (error) => errors.push(error),
  );
  const begins = () => new Promise<void>((resolve) => begun.push(resolve));
  return { runs, errors, trigger, begins };
}
const idle = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe("coalesce()", () => {
  it("runs once for a burst", async () => {
    const { runs, trigger, begins } = controlled();
    const first = begins();
    for (let i = 0; i < 100; i++) trigger();
    await first;
    runs[0]?.resolve();
    await idle();
    assert.equal(runs.length, 1);
  });
  it("runs once more for what came while it ran, never at the same time", async () => {
    const { runs, trigger, begins } = controlled();
    const first = begins();
    trigger();
    await first;
    for (let i = 0; i < 10; i++) trigger();
    await idle();
    assert.equal(runs.length, 1);
    const second = begins();
    runs[0]?.resolve();
    await second;
    runs[1]?.resolve();
    await idle();
    assert.equal(runs.length, 2);
  });
  it("tries again after a failure, a while later", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { runs, errors, trigger, begins } = controlled();
    const first = begins();
    trigger();
    await first;
    runs[0]?.reject(new Error("server away"));
    await idle();
    assert.deepEqual(errors.map(String), ["Error: server away"]);
    assert.equal(runs.length, 1);
    const second = begins();
    t.mock.timers.tick(1_000);
    await second;
    runs[1]?.resolve();
    await idle();
    assert.equal(runs.length, 2);
  });
});
