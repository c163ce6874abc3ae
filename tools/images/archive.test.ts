// SPDX-License-Identifier: Apache-2.0
// Layers, images and archives of small content: every digest, size and media type is what a container runtime will
// compute again, and the same files give the same bytes.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { writeArchive } from "./archive.ts";
import { assembleImage, type Descriptor, type Image, indexMediaType, manifestMediaType } from "./image.ts";
import { buildLayer, type Layer } from "./layer.ts";
import { planImages } from "./plan.ts";
import { platformOf } from "./platform.ts";
import { readArchive, readLayer } from "./testing/archive-reader.ts";
import { completed, type Entry, folderEntries, textFile } from "./tree.ts";

const sha256 = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const platform = platformOf("linux/amd64");
const provenance = { version: "0.1.0", revision: "abc", created: "2026-01-02T03:04:05Z" };

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "serval-archive-"));
});
after(() => rm(root, { recursive: true, force: true }));

/** The same files, written at another time and in another place. */
async function sampleLayer(place: string, at: number): Promise<Layer> {
  const source = join(root, place, "source");
  await mkdir(join(source, "deep/er"), { recursive: true });
  await writeFile(join(source, "deep/er/program"), "#!/bin/sh\n", { mode: 0o4755 });
  await writeFile(join(source, "plain"), "x".repeat(70_000), { mode: 0o600 });
  await symlink("deep/er/program", join(source, "link"));
  await utimes(join(source, "plain"), at, at);
  const long = `${"folder/".repeat(20)}file`;
  const entries: Entry[] = [
    ...folderEntries(source, "opt/x"),
    textFile(long, "long"),
    { path: "tmp", kind: "folder", mode: 0o1777 },
  ];
  return buildLayer({ name: "sample", entries, cacheDir: join(root, place, "cache") });
}

const images = (layers: readonly Layer[]): Image[] =>
  planImages({
    repository: "serval",
    tag: "v9",
    aliases: [{ name: "kserve/sklearnserver:v0.20.0", target: "sklearn" }],
    only: ["serval-model-server"],
  }).map((planned) => assembleImage(planned, { layers, platform, provenance }));

describe("a layer", () => {
  it("has sorted files, parents first, without owners, times and privileges", async () => {
    const files = await readLayer((await sampleLayer("one", 1_000)).file);
    const names = files.map(({ header }) => header.name.replace(/\/$/, ""));
    assert.deepEqual(names, [...names].sort());
    for (const name of names) {
      const parent = name.slice(0, name.lastIndexOf("/"));
      assert.ok(!name.includes("/") || names.indexOf(parent) < names.indexOf(name), name);
    }
    for (const { header } of files) {
      assert.deepEqual([header.uid, header.gid, header.mtime?.getTime()], [0, 0, 0], header.name);
      assert.equal((header.mode ?? 0) & 0o6000, 0, header.name);
    }
    const modeOf = (name: string) => files.find(({ header }) => header.name.replace(/\/$/, "") === name)?.header.mode;
    assert.deepEqual(["opt/x/deep/er/program", "opt/x/plain", "tmp", "opt"].map(modeOf), [0o755, 0o644, 0o1777, 0o755]);
    assert.equal(files.find(({ header }) => header.name === "opt/x/link")?.header.linkname, "deep/er/program");
  });

  it("is the same from the same files, whenever and wherever they were written", async () => {
    const [first, second] = [await sampleLayer("two", 2_000), await sampleLayer("three", 3_000)];
    assert.deepEqual(await readFile(first.file), await readFile(second.file));
    assert.equal(first.digest, second.digest);
    const bytes = await readFile(first.file);
    assert.deepEqual(
      [sha256(bytes), sha256(gunzipSync(bytes)), bytes.length],
      [first.digest, first.diffId, first.sizeBytes],
    );
  });

  it("is packed once", async () => {
    const input = { name: "kept", entries: [textFile("a", "1")], cacheDir: join(root, "kept") };
    const first = await buildLayer(input);
    const packedAt = (await stat(first.file)).ctimeMs;
    assert.deepEqual(await buildLayer(input), first);
    assert.equal((await stat(first.file)).ctimeMs, packedAt);
    assert.notEqual((await buildLayer({ ...input, entries: [textFile("a", "2")] })).digest, first.digest);
  });

  it("refuses two files in one place", () =>
    assert.throws(() => completed([textFile("a", "1"), textFile("a", "2")]), /two files claim \/a/));
});

describe("an archive", () => {
  it("is an OCI layout in which every descriptor is right, and a docker archive", async () => {
    const layer = await sampleLayer("four", 1_000);
    const file = join(root, "image.tar");
    await writeArchive(file, images([layer]));
    const files = await readArchive(file);
    const json = <T>(name: string): T => JSON.parse(files.get(name)!.toString()) as T;
    const blob = ({ digest, size }: Descriptor): Buffer => {
      const bytes = files.get(`blobs/${digest.replace(":", "/")}`);
      assert.ok(bytes, digest);
      assert.deepEqual([sha256(bytes), bytes.length], [digest, size]);
      return bytes;
    };
    assert.deepEqual(json("oci-layout"), { imageLayoutVersion: "1.0.0" });
    const index = json<{ mediaType: string; manifests: (Descriptor & { annotations: Record<string, string> })[] }>(
      "index.json",
    );
    assert.equal(index.mediaType, indexMediaType);
    const names = index.manifests.map(({ annotations }) => annotations["io.containerd.image.name"]);
    assert.deepEqual(names, ["docker.io/serval/serval-model-server:v9", "docker.io/kserve/sklearnserver:v0.20.0"]);
    const entrypoints: unknown[] = [];
    for (const descriptor of index.manifests) {
      assert.equal(descriptor.mediaType, manifestMediaType);
      const manifest = JSON.parse(blob(descriptor).toString()) as { config: Descriptor; layers: Descriptor[] };
      const config = JSON.parse(blob(manifest.config).toString());
      const diffs = manifest.layers.map((each) => sha256(gunzipSync(blob(each))));
      assert.deepEqual(config.rootfs, { type: "layers", diff_ids: diffs });
      assert.deepEqual([config.os, config.architecture, config.config.User], ["linux", "amd64", "65532:65532"]);
      assert.equal(config.config.Labels["org.opencontainers.image.version"], "0.1.0");
      entrypoints.push(config.config.Entrypoint);
    }
    const serve = ["/usr/local/bin/serval", "serve"];
    assert.deepEqual(entrypoints, [serve, [...serve, "--framework=sklearn"]]);
    const docker = json<{ Config: string; RepoTags: string[]; Layers: string[] }[]>("manifest.json");
    assert.deepEqual(
      docker.flatMap(({ RepoTags }) => RepoTags),
      names,
    );
    for (const { Config, Layers } of docker) for (const path of [Config, ...Layers]) assert.ok(files.has(path), path);
    // Nothing twice, nothing that no one asks for.
    assert.equal([...files.keys()].filter((path) => path.startsWith("blobs/")).length, 1 + 2 * 2);
  });

  it("is the same from the same images", async () => {
    const layer = await sampleLayer("five", 1_000);
    const [one, two] = [join(root, "one.tar"), join(root, "two.tar")];
    await writeArchive(one, images([layer]));
    await writeArchive(two, images([layer]));
    assert.deepEqual(await readFile(one), await readFile(two));
  });
});
