// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, it } from "node:test";

// Plain JavaScript without types: it runs before anything is installed.
const { countDownloads, downloadLine, tarballPath } = await import(new URL("./downloads.mjs", import.meta.url).href);

describe("what an installation downloaded", async () => {
  const root = await mkdtemp(join(tmpdir(), "serval-downloads-"));
  after(() => rm(root, { recursive: true }));
  const cache = join(root, "cache");
  const env = { npm_config_cache: cache };
  const integrity = `sha512-${Buffer.from("abcdef0123", "hex").toString("base64")}`;
  const tarball = tarballPath(cache, integrity);
  await mkdir(dirname(tarball), { recursive: true });
  await writeFile(tarball, "x".repeat(1_500_000));
  await mkdir(join(root, "node_modules"));
  const packages = { "node_modules/a": { integrity }, "node_modules/@serval/b": { link: true } };
  await writeFile(join(root, "node_modules/.package-lock.json"), JSON.stringify({ packages }));

  it("finds npm's tarball by its integrity", () => {
    assert.equal(tarball, join(cache, "_cacache/content-v2/sha512/ab/cd/ef0123"));
  });
  it("tells the network from npm's cache", () => {
    const fresh = countDownloads({ root, since: 0, env });
    assert.deepEqual(fresh, { packages: 1, bytes: 1_500_000, fetched: 1, fetchedBytes: 1_500_000 });
    assert.match(downloadLine(fresh), /1\.5 MB downloaded\./);
    const cached = countDownloads({ root, since: Date.now() + 60_000, env });
    assert.match(downloadLine(cached), /all from npm's cache/);
  });
  it("says nothing where npm keeps no tarballs", () => {
    assert.equal(countDownloads({ root, since: 0, env: { npm_config_cache: join(root, "none") } }), undefined);
  });
});
