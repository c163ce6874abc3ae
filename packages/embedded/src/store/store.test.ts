// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { lmdbStore } from "./lmdb.ts";
import { memoryStore } from "./memory.ts";
import { configMap, storeSuite } from "./store.suite.ts";

let root = "";
let count = 0;
const freshDir = (): string => join(root, `store-${count++}`);
before(async () => {
  root = await mkdtemp(join(tmpdir(), "serval-store-"));
});
after(() => rm(root, { recursive: true, force: true }));

storeSuite("memory", async (options) => memoryStore(options));
storeSuite("lmdb", (options) => lmdbStore(freshDir(), options));

/** Writes keys one after the other, in bursts, and prints each when it is acknowledged. */
const writer = `
import { lmdbStore } from ${JSON.stringify(new URL("./lmdb.ts", import.meta.url).href)};
const store = await lmdbStore(process.argv[2]);
const from = Number(process.argv[3]);
console.log("ready");
for (let i = from; ; i += 8) {
  await Promise.all(Array.from({ length: 8 }, async (_, j) => {
    const key = String(i + j).padStart(8, "0");
    const entry = await store.put(key, 0, (revision) => ({ apiVersion: "v1", kind: "ConfigMap",
      metadata: { name: key, resourceVersion: String(revision) }, data: { value: "x".repeat(2000) } }));
    console.log(key + " " + entry.revision);
  }));
}`;

/** Runs the writer until it has acknowledged `wanted` writes, then kills it without warning. */
async function writeUntilKilled(dir: string, from: number, wanted: number): Promise<Map<string, number>> {
  const script = join(root, "writer.mjs");
  await writeFile(script, writer);
  const child = spawn(process.execPath, [script, dir, String(from)], { stdio: ["ignore", "pipe", "inherit"] });
  const acknowledged = new Map<string, number>();
  for await (const line of createInterface({ input: child.stdout })) {
    const [key, revision] = line.split(" ");
    if (key !== undefined && revision !== undefined) acknowledged.set(key, Number(revision));
    if (acknowledged.size >= wanted) child.kill("SIGKILL");
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return acknowledged;
}

describe("lmdb store over processes", () => {
  it("loses nothing acknowledged when killed in mid-write, five times", { timeout: 60_000 }, async () => {
    const dir = freshDir();
    const all = new Map<string, number>();
    for (let round = 0; round < 5; round++) {
      const acknowledged = await writeUntilKilled(dir, round * 1_000_000, 60 + round * 31);
      for (const [key, revision] of acknowledged) all.set(key, revision);
      const store = await lmdbStore(dir);
      const lost = [...all].filter(([key, revision]) => store.get(key)?.revision !== revision);
      assert.deepEqual(lost, []);
      assert.ok(store.currentRevision() >= Math.max(...all.values()), "the revision went back");
      await store.close();
    }
  });

  it("keeps its revision over a restart, deletes included, and says 410 to older watches", async () => {
    const dir = freshDir();
    const first = await lmdbStore(dir);
    const entry = await first.put("a", 0, configMap("a", "1"));
    await first.delete("a", entry?.revision ?? -1, configMap("a", "1"));
    const revision = first.currentRevision();
    await first.close();
    const second = await lmdbStore(dir);
    assert.equal(second.currentRevision(), revision);
    assert.equal(second.get("a"), undefined);
    assert.throws(() => second.changes("", revision - 1), /too old resource version/);
    assert.deepEqual(second.changes("", revision), []);
    await second.close();
  });

  it("refuses a directory that a live process uses, naming the process", async () => {
    const dir = freshDir();
    const store = await lmdbStore(dir);
    await assert.rejects(lmdbStore(dir), new RegExp(`process ${process.pid} is using it; stop that one first`));
    await store.close();
    await (await lmdbStore(dir)).close();
  });

  it("says what to do when the directory cannot be made", async () => {
    const file = join(root, "a-file");
    await writeFile(file, "");
    await assert.rejects(lmdbStore(join(file, "below")), /check that the directory is writable/);
  });
});
