// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WorkQueue } from "./queue.ts";

describe("WorkQueue", () => {
  it("gives keys in order and each waiting key once", async () => {
    const queue = new WorkQueue();
    for (const key of ["a", "b", "a"]) queue.add(key);
    assert.deepEqual([await queue.take(), await queue.take(), queue.depth], ["a", "b", 0]);
  });
  it("never works on one key twice at once, and remembers one add during the work", async () => {
    const queue = new WorkQueue();
    queue.add("a");
    await queue.take();
    queue.add("a");
    queue.add("a");
    assert.equal(queue.depth, 0);
    queue.done("a");
    assert.equal(await queue.take(), "a");
    queue.done("a");
    assert.equal(queue.depth, 0);
  });
  it("takes what users asked for first, and news of it at least every fifth time", async () => {
    const queue = new WorkQueue();
    for (const key of ["n1", "n2"]) queue.add(key);
    for (const key of ["f1", "f2", "f3", "f4", "f5", "f6"]) queue.add(key, "first");
    const taken = await Promise.all(Array.from({ length: 8 }, () => queue.take()));
    assert.deepEqual(taken, ["f1", "f2", "f3", "f4", "n1", "f5", "f6", "n2"]);
  });
  it("hands a key to a worker that was waiting", async () => {
    const queue = new WorkQueue();
    const waiting = queue.take();
    queue.add("late");
    assert.equal(await waiting, "late");
  });
  it("doubles the delay of a failing key up to the maximum and starts over after success", () => {
    const queue = new WorkQueue({ firstDelayMs: 10, maxDelayMs: 50 });
    const delays = ["a", "a", "a", "a"].map((key) => queue.retry(key));
    queue.forget("a");
    assert.deepEqual([...delays, queue.retry("a")], [10, 20, 40, 50, 10]);
    queue.close();
  });
  it("keeps the earlier of two due times", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const queue = new WorkQueue();
    queue.addAfter("a", 1_000);
    queue.addAfter("a", 5_000);
    context.mock.timers.tick(1_000);
    assert.equal(await queue.take(), "a");
  });
  it("ends its workers when it is closed", async () => {
    const queue = new WorkQueue();
    const waiting = queue.take();
    queue.close();
    assert.deepEqual([await waiting, await queue.take()], [undefined, undefined]);
  });
});
