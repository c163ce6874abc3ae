// SPDX-License-Identifier: Apache-2.0
// The small parts of the byte path: sums, the ledger, slots.
import assert from "node:assert/strict";
import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { noise } from "../testing/fault-server.ts";
import { crc32c, createSummer } from "./checksum.ts";
import { openLedger } from "./ledger.ts";
import { createSlots, forEachParallel } from "./parallel.ts";

describe("crc32c()", () => {
  // RFC 3720 appendix B.4.
  for (const [name, bytes, value] of [
    ["32 zeros", Buffer.alloc(32), 0x8a9136aa],
    ["32 ones", Buffer.alloc(32, 0xff), 0x62a8ab43],
    ["0 to 31", Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
    ["123456789", Buffer.from("123456789"), 0xe3069283],
    ["nothing", Buffer.alloc(0), 0],
  ] as const)
    it(name, () => assert.equal(crc32c(bytes), value));
  it("is the same in pieces of any size", () => {
    const bytes = noise(1_000);
    const summer = createSummer("crc32c");
    for (let at = 0, step = 1; at < bytes.byteLength; at += step, step = (step % 13) + 1)
      summer.update(bytes.subarray(at, at + step));
    assert.equal(summer.hex(), crc32c(bytes).toString(16).padStart(8, "0"));
  });
});

const header = { source: "s", version: "v1", sizeBytes: 100, partBytes: 10, bootId: "b" };
describe("openLedger()", () => {
  for (const { name, change, torn, done, fileBytes = 100 } of [
    { name: "goes on with the same bytes", change: {}, torn: "", done: [3, 7] },
    { name: "forgets a torn line", change: {}, torn: "5", done: [3, 7] },
    { name: "starts over for another version", change: { version: "v2" }, torn: "", done: [] },
    { name: "starts over for another size", change: { sizeBytes: 101 }, torn: "", done: [] },
    { name: "starts over after a boot", change: { bootId: "c" }, torn: "", done: [] },
    { name: "starts over when the file is too short", change: {}, torn: "", done: [], fileBytes: 79 },
    {
      name: "goes on when the file ends with the last part on record",
      change: {},
      torn: "",
      done: [3, 7],
      fileBytes: 80,
    },
    { name: "starts over when there is no version", change: { version: undefined }, torn: "", done: [] },
  ]) {
    it(name, async (t) => {
      const dir = await mkdtemp(join(tmpdir(), "serval-ledger-"));
      t.after(() => rm(dir, { recursive: true, force: true }));
      const first = await openLedger(join(dir, "l"), header, 0);
      await first.finish(3);
      await first.finish(7);
      await first.close();
      await appendFile(join(dir, "l"), torn);
      const second = await openLedger(join(dir, "l"), { ...header, ...change }, fileBytes);
      await second.close();
      const third = await openLedger(join(dir, "l"), { ...header, ...change }, fileBytes);
      await third.close();
      for (const ledger of [second, third])
        assert.deepEqual(
          [...Array(10).keys()].filter((part) => ledger.isDone(part)),
          done,
        );
    });
  }
});

describe("forEachParallel()", () => {
  it("never runs more than the slots at a time, and all of them", async (t) => {
    const slots = createSlots(3);
    let [running, most, done] = [0, 0, 0];
    await forEachParallel(Array(20).keys(), { hands: 8, signal: t.signal }, () =>
      slots.use(async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        done++;
      }),
    );
    assert.deepEqual({ most, done }, { most: 3, done: 20 });
  });
  it("the first failure stops the others and is thrown", async (t) => {
    let started = 0;
    const work = async (i: number): Promise<void> => {
      started++;
      if (i === 2) throw new Error("two");
    };
    await assert.rejects(forEachParallel(Array(1_000).keys(), { hands: 2, signal: t.signal }, work), /two/);
    assert.ok(started < 1_000);
  });
});
