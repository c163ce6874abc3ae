// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { loopbackNetwork } from "./pod-network.ts";
import { createSlots } from "./start-slots.ts";

describe("loopbackNetwork()", () => {
  it("keeps an address while it is held and does not give it out again soon", () => {
    const network = loopbackNetwork(16);
    const [a, b] = [network.attach("a"), network.attach("b")];
    assert.deepEqual([a, b, network.attach("a")], ["127.16.128.1", "127.16.128.2", "127.16.128.1"]);
    network.detach("a");
    assert.equal(network.attach("c"), "127.16.128.3");
  });

  it("gives an adopted pod its address back, and never one address to two", () => {
    const network = loopbackNetwork(16);
    assert.equal(network.attach("old", "127.16.128.1"), "127.16.128.1");
    assert.equal(network.attach("new"), "127.16.128.2");
    assert.equal(network.attach("thief", "127.16.128.1"), "127.16.128.3");
  });

  it("skips the network's and the broadcast address", () => {
    const network = loopbackNetwork(16, 254);
    assert.deepEqual([network.attach("a"), network.attach("b")], ["127.16.128.254", "127.16.129.1"]);
  });
});

describe("createSlots()", () => {
  it("lets so many work at a time, in order, also after a failure", async () => {
    const inTurn = createSlots(2);
    const order: string[] = [];
    const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    const all = gates.map(({ promise }, i) =>
      inTurn(async () => {
        order.push(`begin ${i}`);
        await promise;
        order.push(`end ${i}`);
        if (i === 0) throw new Error("failed");
      }).catch(() => {}),
    );
    await Promise.resolve();
    assert.deepEqual(order, ["begin 0", "begin 1"]);
    for (const { resolve } of gates) resolve();
    await Promise.all(all);
    assert.deepEqual(
      order.filter((step) => step.startsWith("begin")),
      ["begin 0", "begin 1", "begin 2", "begin 3"],
    );
  });
});
