// SPDX-License-Identifier: Apache-2.0
// Models that are on this machine: linked, not copied; claims that must not be left.
import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { tarOf } from "./testing/archives.ts";
import { createBench } from "./testing/fetch-bench.ts";

async function localBench(t: TestContext) {
  const bench = await createBench(t);
  const source = join(bench.root, "source");
  await mkdir(join(source, "deep"), { recursive: true });
  await writeFile(join(source, "model.bin"), "weights");
  await writeFile(join(source, "deep", "x"), "x");
  await writeFile(join(source, ".hidden"), "h");
  const names = async () => (await readdir(bench.dir)).filter((name) => name !== ".serval-fetch").sort();
  return { ...bench, source, names };
}

describe("file://", () => {
  it("links the entries of a folder, without hidden ones, and does so again at a restart", async (t) => {
    const bench = await localBench(t);
    for (let start = 0; start < 2; start++) {
      await bench.fetch(`file://${bench.source}`);
      assert.deepEqual(await bench.names(), ["deep", "model.bin"]);
      assert.equal(await readlink(join(bench.dir, "model.bin")), join(bench.source, "model.bin"));
    }
    assert.equal(
      bench.lines.some((line) => line.includes("already exist")),
      false,
    );
  });

  it("links a single file", async (t) => {
    const bench = await localBench(t);
    await bench.fetch(join(bench.source, "model.bin"));
    assert.equal(await readFile(join(bench.dir, "model.bin"), "utf8"), "weights");
  });

  it("keeps what is there already and says so", async (t) => {
    const bench = await localBench(t);
    await mkdir(bench.dir);
    await writeFile(join(bench.dir, "model.bin"), "mine");
    await bench.fetch(`file://${bench.source}`);
    assert.equal(await readFile(join(bench.dir, "model.bin"), "utf8"), "mine");
    assert.ok(bench.lines.includes("File model.bin already exist"));
  });

  it("unpacks a single archive and leaves it where it is", async (t) => {
    const bench = await localBench(t);
    const archive = join(bench.source, "m.tgz");
    await writeFile(archive, gzipSync(await tarOf([{ name: "model.bin", body: "packed" }])));
    await bench.fetch(`file://${archive}`);
    assert.equal(await readFile(join(bench.dir, "model.bin"), "utf8"), "packed");
    assert.ok((await readFile(archive)).byteLength > 0);
  });

  it("a hostile archive leaves nothing", async (t) => {
    const bench = await localBench(t);
    const archive = join(bench.source, "m.tar");
    await writeFile(
      archive,
      await tarOf([
        { name: "ok", body: "1" },
        { name: "../x", body: "2" },
      ]),
    );
    await assert.rejects(bench.fetch(`file://${archive}`), /Entry "\.\.\/x" is refused/);
    assert.deepEqual(await bench.names(), []);
  });

  it("nothing there: what, where, how to fix", async (t) => {
    const bench = await localBench(t);
    await assert.rejects(
      bench.fetch("file:///no/such/model"),
      /Local path file:\/\/\/no\/such\/model does not exist\./,
    );
  });

  it("an empty folder is no model", async (t) => {
    const bench = await localBench(t);
    await mkdir(join(bench.root, "empty"));
    await assert.rejects(bench.fetch(`file://${bench.root}/empty`), /Failed to fetch model\. No model found in/);
  });

  it("a destination that may not be written is named, with whose permission is missing", async (t) => {
    const bench = await localBench(t);
    // Root may write anywhere but through a file.
    const dir = process.getuid?.() === 0 ? "/proc/version/models" : join(bench.root, "locked", "models");
    if (process.getuid?.() !== 0) {
      await mkdir(join(bench.root, "locked"));
      await chmod(join(bench.root, "locked"), 0o500);
    }
    await assert.rejects(
      bench.fetch(`file://${bench.source}`, { dir }),
      /Cannot write ".*models": (permission denied|a file is where a folder should be)/,
    );
  });
});

describe("pvc://", () => {
  it("is the folder where the claim is mounted", async (t) => {
    const bench = await localBench(t);
    const env = { SERVAL_PVC_DIR: bench.root };
    await bench.fetch("pvc://source/deep", { env });
    assert.deepEqual(await bench.names(), ["x"]);
  });

  for (const { name, uri, target, says } of [
    {
      name: "a claim that is not mounted",
      uri: "pvc://other/x",
      target: "deep",
      says: /Cannot locate source uri pvc:\/\/other\/x for PVC/,
    },
    { name: "a path that is not in it", uri: "pvc://source/nope", target: "deep", says: /Cannot locate source uri/ },
    { name: "a link that leaves it", uri: "pvc://source", target: "/etc", says: /is a link that leaves the claim/ },
    {
      name: "a path through a link that leaves it",
      uri: "pvc://source/link",
      target: "/etc",
      says: /is a link that leaves the claim/,
    },
  ]) {
    it(`${name} is refused`, async (t) => {
      const bench = await localBench(t);
      await symlink(target, join(bench.source, "link"));
      await assert.rejects(bench.fetch(uri, { env: { SERVAL_PVC_DIR: bench.root } }), says);
      assert.equal(await readdir(bench.dir).catch(() => undefined), undefined);
    });
  }
});

it("encrypted models are refused instead of served as they are", async (t) => {
  const bench = await localBench(t);
  await assert.rejects(
    bench.fetch(`file://${bench.source}`, { env: { CONFIDENTIAL_ENABLED: "true" } }),
    /confidential models are not supported/,
  );
});
