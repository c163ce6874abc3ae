// SPDX-License-Identifier: Apache-2.0
// One file with an image and its further names: an OCI layout (what containerd reads) that also carries the list that
// `docker load` reads. Blobs that several names share are in it once.
import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";
import { type Image, indexMediaType } from "./image.ts";

type Content = Buffer | { readonly file: string; readonly sizeBytes: number };

const blobPath = (digest: string): string => `blobs/${digest.replace(":", "/")}`;
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value), "utf8");

/** The files of the archive by path. */
function contents(images: readonly Image[]): Map<string, Content> {
  const files = new Map<string, Content>();
  for (const { config, manifest, layers } of images) {
    for (const { descriptor, bytes } of [config, manifest]) files.set(blobPath(descriptor.digest), bytes);
    for (const { digest, file, sizeBytes } of layers) files.set(blobPath(digest), { file, sizeBytes });
  }
  files.set("oci-layout", json({ imageLayoutVersion: "1.0.0" }));
  const manifests = images.map(({ name, platform: { architecture }, manifest }) => ({
    ...manifest.descriptor,
    platform: { architecture, os: "linux" },
    annotations: {
      "io.containerd.image.name": name,
      "org.opencontainers.image.ref.name": name.slice(name.lastIndexOf(":") + 1),
    },
  }));
  files.set("index.json", json({ schemaVersion: 2, mediaType: indexMediaType, manifests }));
  const docker = images.map(({ name, config, layers }) => ({
    Config: blobPath(config.descriptor.digest),
    RepoTags: [name],
    Layers: layers.map(({ digest }) => blobPath(digest)),
  }));
  files.set("manifest.json", json(docker));
  return files;
}

async function addFile(tar: Pack, name: string, content: Content): Promise<void> {
  const size = Buffer.isBuffer(content) ? content.length : content.sizeBytes;
  await new Promise<void>((resolve, reject) => {
    const header = { name, size, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0 };
    const sink = tar.entry(header, (error) => (error ? reject(error) : resolve()));
    if (Buffer.isBuffer(content)) sink.end(content);
    else pipeline(createReadStream(content.file), sink).catch(reject);
  });
}

async function addAll(tar: Pack, files: ReadonlyMap<string, Content>): Promise<void> {
  try {
    for (const folder of ["blobs/", "blobs/sha256/"])
      tar.entry({ name: folder, type: "directory", mode: 0o755, mtime: new Date(0), uid: 0, gid: 0 });
    for (const name of [...files.keys()].sort()) await addFile(tar, name, files.get(name)!);
    tar.finalize();
  } catch (error) {
    tar.destroy(error as Error);
  }
}

/** @param file is there completely or not at all. */
export async function writeArchive(file: string, images: readonly Image[]): Promise<void> {
  const staging = `${file}.${process.pid}`;
  try {
    const tar = pack();
    await Promise.all([addAll(tar, contents(images)), pipeline(tar, createWriteStream(staging))]);
    await rename(staging, file);
  } finally {
    await rm(staging, { force: true });
  }
}
