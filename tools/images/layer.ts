// SPDX-License-Identifier: Apache-2.0
// A layer: a sorted tar without times and owners, compressed, named by its digests. The same files give the same bytes,
// and a layer that was packed before is taken from the cache.
import { createHash, type Hash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type Pack, pack } from "tar-stream";
import { completed, type Entry } from "./tree.ts";

export const layerMediaType = "application/vnd.oci.image.layer.v1.tar+gzip";

export interface Layer {
  readonly name: string;
  /** Of the compressed bytes, `sha256:…`. */
  readonly digest: string;
  /** Of the tar inside. */
  readonly diffId: string;
  readonly sizeBytes: number;
  /** Where the compressed bytes are on this machine. */
  readonly file: string;
}

const sha256 = (): Hash => createHash("sha256");

/** Of everything that the packed bytes depend on; changes of the packing itself are told by `format`. */
async function keyOf(entries: readonly Entry[]): Promise<string> {
  const format = 1;
  const key = sha256().update(JSON.stringify({ format, zlib: process.versions.zlib }));
  for (const entry of entries) {
    const { path, kind } = entry;
    key.update(JSON.stringify(kind === "file" ? { path, kind, isExecutable: entry.isExecutable === true } : entry));
    if (kind === "file") key.update(await contentHash(entry.content));
  }
  return key.digest("hex");
}

async function contentHash(content: string | Buffer): Promise<Buffer> {
  const hash = sha256();
  if (typeof content !== "string") return hash.update(content).digest();
  for await (const chunk of createReadStream(content, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest();
}

/** Passes bytes on and knows their number and digest at the end. */
function measure(): Transform & { digest(): string; sizeBytes: number } {
  const hash = sha256();
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      meter.sizeBytes += chunk.length;
      done(null, chunk);
    },
  }) as Transform & { digest(): string; sizeBytes: number };
  return Object.assign(meter, { sizeBytes: 0, digest: () => `sha256:${hash.digest("hex")}` });
}

const common = { mtime: new Date(0), uname: "", gname: "" } as const;

async function addEntry(tar: Pack, entry: Entry): Promise<void> {
  if (entry.kind === "folder") {
    const { path, mode = 0o755, owner = 0 } = entry;
    tar.entry({ ...common, name: `${path}/`, type: "directory", mode, uid: owner, gid: owner });
  } else if (entry.kind === "link") {
    tar.entry({ ...common, name: entry.path, type: "symlink", linkname: entry.target, mode: 0o777, uid: 0, gid: 0 });
  } else {
    const { path: name, content, isExecutable } = entry;
    const size = typeof content === "string" ? (await stat(content)).size : content.length;
    const header = { ...common, name, size, mode: isExecutable === true ? 0o755 : 0o644, uid: 0, gid: 0 };
    await new Promise<void>((resolve, reject) => {
      const sink = tar.entry(header, (error) => (error ? reject(error) : resolve()));
      if (typeof content === "string") pipeline(createReadStream(content), sink).catch(reject);
      else sink.end(content);
    });
  }
}

async function addAll(tar: Pack, entries: readonly Entry[]): Promise<void> {
  try {
    for (const entry of entries) await addEntry(tar, entry);
    tar.finalize();
  } catch (error) {
    tar.destroy(error as Error);
  }
}

async function packTo(
  file: string,
  entries: readonly Entry[],
): Promise<Pick<Layer, "digest" | "diffId" | "sizeBytes">> {
  const [inner, outer] = [measure(), measure()];
  const tar = pack();
  const packed = pipeline(tar, inner, createGzip({ level: 6 }), outer, createWriteStream(file));
  await Promise.all([addAll(tar, entries), packed]);
  return { digest: outer.digest(), diffId: inner.digest(), sizeBytes: outer.sizeBytes };
}

/**
 * @param input.cacheDir where packed layers are kept; never emptied by the build itself.
 * @returns the layer, from the cache where nothing changed.
 */
export async function buildLayer(input: {
  readonly name: string;
  readonly entries: readonly Entry[];
  readonly cacheDir: string;
}): Promise<Layer> {
  const entries = completed(input.entries);
  const folder = join(input.cacheDir, "layers");
  const base = join(folder, `${input.name}-${(await keyOf(entries)).slice(0, 32)}`);
  const [file, note] = [`${base}.tar.gz`, `${base}.json`];
  if (!existsSync(note) || !existsSync(file)) {
    await mkdir(folder, { recursive: true });
    const staging = `${file}.${process.pid}`;
    try {
      const facts = await packTo(staging, entries);
      await rename(staging, file);
      await writeFile(note, `${JSON.stringify(facts)}\n`);
    } finally {
      await rm(staging, { force: true });
    }
  }
  const facts = JSON.parse(await readFile(note, "utf8")) as Pick<Layer, "digest" | "diffId" | "sizeBytes">;
  return { name: input.name, file, ...facts };
}
