// SPDX-License-Identifier: Apache-2.0
// gs:// against a local server of the JSON API, as KServe's own first example uses it.
import assert from "node:assert/strict";
import { watch } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { tarOf } from "./testing/archives.ts";
import { createFakeGcs, type FakeObject } from "./testing/fake-gcs.ts";
import { noise } from "./testing/fault-server.ts";
import { createBench } from "./testing/fetch-bench.ts";

const big = noise(300_000);
const bucketName = "kfserving-examples";

async function gcsBench(t: TestContext, objects: Record<string, FakeObject>) {
  const bench = await createBench(t);
  const gcs = createFakeGcs();
  const bucket = new Map(Object.entries(objects));
  gcs.buckets.set(bucketName, bucket);
  bench.server.handle = (request, response) => gcs.handle(request, response);
  const env = { STORAGE_EMULATOR_HOST: bench.server.url.slice("http://".length) };
  const files = async () =>
    (await readdir(bench.dir, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile() && !entry.name.endsWith(".done"))
      .map((entry) => join(entry.parentPath, entry.name).slice(bench.dir.length + 1))
      .sort();
  return {
    bench,
    gcs,
    bucket,
    files,
    fetch: (uri: string, more = {}) => bench.fetch(uri, { env: { ...env, ...more } }),
  };
}

const text = (body: string): FakeObject => ({ body: Buffer.from(body) });
const iris = {
  "models/sklearn/1.0/model/": text(""),
  "models/sklearn/1.0/model/model.joblib": text("joblib"),
  "models/sklearn/1.0/model/deep/weights.bin": { body: big },
  "models/sklearn/1.0/model2/other.bin": text("other"),
  "models/sklearn/1.0/modelcard.md": text("card"),
};

describe("gs://", () => {
  for (const { uri, names } of [
    { uri: "gs://kfserving-examples/models/sklearn/1.0/model", names: ["deep/weights.bin", "model.joblib"] },
    { uri: "gs://kfserving-examples/models/sklearn/1.0/model/", names: ["deep/weights.bin", "model.joblib"] },
    { uri: "gs://kfserving-examples/models/sklearn/1.0/model/model.joblib", names: ["model.joblib"] },
  ]) {
    it(`${uri} brings ${names.join(", ")}`, async (t) => {
      const { fetch, files } = await gcsBench(t, iris);
      await fetch(uri);
      assert.deepEqual(await files(), names);
    });
  }

  it("the bucket itself is a folder too", async (t) => {
    const { fetch, files } = await gcsBench(t, { "a.bin": text("a"), "d/b.bin": text("b") });
    await fetch("gs://kfserving-examples");
    assert.deepEqual(await files(), ["a.bin", "d/b.bin"]);
  });

  it("lists of many pages are read to the end, names with spaces and percents as they are", async (t) => {
    const objects = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`m/part ${i}%20.bin`, text(String(i))]));
    const { fetch, files, gcs } = await gcsBench(t, objects);
    gcs.pageSize = 4;
    await fetch("gs://kfserving-examples/m");
    assert.equal((await files()).length, 25);
  });

  it("patterns choose among the files", async (t) => {
    const { fetch, files } = await gcsBench(t, iris);
    await fetch("gs://kfserving-examples/models/sklearn/1.0", {
      STORAGE_ALLOW_PATTERNS: '["*.bin", "*.md"]',
      STORAGE_IGNORE_PATTERNS: "model2/*",
    });
    assert.deepEqual(await files(), ["model/deep/weights.bin", "modelcard.md"]);
  });

  it("a single archive is unpacked", async (t) => {
    const { fetch, files } = await gcsBench(t, {
      "m.tar.gz": { body: gzipSync(await tarOf([{ name: "a/b.bin", body: "x" }])) },
    });
    await fetch("gs://kfserving-examples/m.tar.gz");
    assert.deepEqual(await files(), ["a/b.bin"]);
  });

  it("an object that is stored as gzip comes out plain", async (t) => {
    const { bench, fetch } = await gcsBench(t, { "m/model.json": { body: gzipSync(big), contentEncoding: "gzip" } });
    await fetch("gs://kfserving-examples/m/model.json");
    assert.deepEqual(await readFile(join(bench.dir, "model.json")), big);
  });

  it("a composed object is checked by its crc32c", async (t) => {
    const { bench, fetch } = await gcsBench(t, { "m.bin": { body: big, isComposed: true } });
    await fetch("gs://kfserving-examples/m.bin");
    assert.deepEqual(await readFile(join(bench.dir, "m.bin")), big);
  });

  it("bytes that do not fit the md5 are no model", async (t) => {
    const { fetch, files } = await gcsBench(t, {
      "m.bin": { body: big, md5Hash: Buffer.alloc(16).toString("base64") },
    });
    await assert.rejects(fetch("gs://kfserving-examples/m.bin"), /The md5 of 'gs:\/\/kfserving-examples\/m\.bin' is/);
    assert.deepEqual(await files(), []);
  });

  it("an object that is overwritten in the middle is listed and fetched again", async (t) => {
    const next = noise(300_000, 9);
    const { bench, bucket, gcs, fetch } = await gcsBench(t, { "m/a.bin": { body: big } });
    let media = 0;
    bench.server.handle = (request, response) => {
      if (request.url?.includes("alt=media") === true && ++media === 2)
        bucket.set("m/a.bin", { body: next, generation: 2 });
      return gcs.handle(request, response);
    };
    await fetch("gs://kfserving-examples/m");
    assert.deepEqual(await readFile(join(bench.dir, "a.bin")), next);
  });

  it("what an earlier start has brought is not fetched again", async (t) => {
    const { bench, gcs, fetch } = await gcsBench(t, { "m/a.bin": { body: big }, "m/b.bin": text("b") });
    await mkdir(bench.dir);
    const inPlace = Promise.withResolvers<void>();
    const watcher = watch(bench.dir, { recursive: true }, (_event, name) => {
      if (name?.endsWith(".finished") === true) inPlace.resolve();
    });
    t.after(() => watcher.close());
    // The second object is refused once the first is in place.
    bench.server.handle = (request, response) => {
      if (request.url?.includes("b.bin?") !== true) return gcs.handle(request, response);
      void inPlace.promise.then(() => response.writeHead(403).end());
      return true;
    };
    await assert.rejects(fetch("gs://kfserving-examples/m"), /GCS access denied/);
    const before = bench.server.seen.length;
    bench.server.handle = (request, response) => gcs.handle(request, response);
    await fetch("gs://kfserving-examples/m");
    const media = bench.server.seen.slice(before).filter(({ path }) => path.includes("a.bin?alt=media"));
    assert.deepEqual(media, []);
  });

  for (const { uri, says } of [
    {
      uri: "gs://kfserving-examples/nothing/here",
      says: /Failed to fetch model\. No model found in gs:\/\/kfserving-examples\/nothing\/here\./,
    },
    { uri: "gs://no-such-bucket/m", says: /GCS resource 'gs:\/\/no-such-bucket\/m' not found/ },
    { uri: "gs://UPPER/m", says: /not of the form gs:\/\/BUCKET\/PATH/ },
  ]) {
    it(`${uri} fails with its reason`, async (t) => {
      const { fetch } = await gcsBench(t, iris);
      await assert.rejects(fetch(uri), says);
    });
  }

  for (const name of ["m/../../evil", "m//etc/../../x", "m/a\\b", "m/.serval-fetch/forged.done"]) {
    it(`an object named ${name} is refused`, async (t) => {
      const { fetch, files } = await gcsBench(t, { [name]: text("x") });
      await assert.rejects(fetch("gs://kfserving-examples/m"), /Refuse to fetch/);
      assert.deepEqual(await files(), []);
    });
  }
});
