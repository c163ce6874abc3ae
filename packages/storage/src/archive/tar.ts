// SPDX-License-Identifier: Apache-2.0
// tar, plain or compressed, as a stream of entries.
import { createReadStream } from "node:fs";
import type { Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { extract } from "tar-stream";
import { type ArchiveEntry, badArchive, type Extraction } from "./extraction.ts";
import type { Encoding } from "./kind.ts";

function decoder(encoding: Encoding): Transform | undefined {
  if (encoding === "gzip") return createGunzip();
  if (encoding === "zstd") return createZstdDecompress();
  if (encoding === "plain") return undefined;
  throw badArchive(`It is compressed with ${encoding}, which is not read here; use .tar.gz, .tar.zst or .zip.`);
}

interface Header {
  name: string;
  type?: string | null | undefined;
  linkname?: string | null | undefined;
  mode?: number | undefined;
}

function entryOf({ name, type, linkname, mode }: Header, content: NodeJS.ReadableStream): ArchiveEntry {
  if (type === "file" || type === "contiguous-file")
    return { kind: "file", name, isExecutable: ((mode ?? 0) & 0o100) !== 0, content };
  if (type === "directory") return { kind: "folder", name };
  if (type === "symlink") return { kind: "link", name, target: linkname ?? "" };
  if (type === "link") return { kind: "hard link", name, target: linkname ?? "" };
  return { kind: "refused", name, what: `it is a ${type ?? "special file"}; only files, folders and links are taken` };
}

/** tar-stream bounds what it keeps of headers itself. @throws FetchError; a broken file is told as such. */
export async function unpackTar(path: string, encoding: Encoding, extraction: Extraction): Promise<void> {
  const source = createReadStream(path);
  const unpacked = decoder(encoding);
  const parser = extract();
  const stages = [source, ...(unpacked === undefined ? [] : [unpacked])];
  for (const [i, stage] of stages.entries()) {
    const next = stages[i + 1] ?? parser;
    stage.on("error", (error) => parser.destroy(error));
    stage.pipe(next as NodeJS.WritableStream);
  }
  try {
    for await (const entry of parser) {
      await extraction.add(entryOf(entry.header, entry as unknown as NodeJS.ReadableStream));
      entry.resume();
    }
  } catch (error) {
    throw asBadArchive(error);
  } finally {
    for (const stage of stages) stage.destroy();
  }
}

function asBadArchive(error: unknown): unknown {
  const { name, code = "" } = error as { name?: string; code?: string };
  if (name === "ServalError" || name === "AbortError" || /^E[A-Z]+$/.test(code)) return error;
  // KServe: the sentence of `_unpack_archive_file`.
  return badArchive(`The file format is not valid. (${(error as Error).message})`, error);
}
