// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chooseOctet, listeningOctets } from "./subnet.ts";

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100407F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100417F:1F90 0100407F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0
`;

describe("listeningOctets()", () => {
  it("finds listeners on loopback, not connections and not other addresses", () => {
    assert.deepEqual([...listeningOctets(table)], [64]);
  });
});

describe("chooseOctet()", () => {
  it("is the same for the same directory and stays clear of 127.0 and 127.1", async () => {
    const [first, second] = await Promise.all([chooseOctet("/a/home"), chooseOctet("/a/home")]);
    assert.equal(first, second);
    assert.ok(first >= 16 && first < 127);
  });
});
