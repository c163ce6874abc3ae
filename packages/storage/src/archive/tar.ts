// SPDX-License-Identifier: Apache-2.0
// tar, plain or compressed, as a stream of entries.
import { createReadStream } from "node:fs";
import { Readable, Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { extract } from "tar-stream";
import { type ArchiveEntry, badArchive, type Extraction } from "./extraction.ts";
import type { Encoding } from "./kind.ts";

/** What may come between two entries: headers, long names, padding. tar-stream keeps it in memory. */
const maxHeaderBytes = 4 * 1024 * 1024;

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

function entryOf({ name, type, linkname, mode }: Header, content: Readable): ArchiveEntry {
  if (type === "file" || type === "contiguous-file")
    return { kind: "file", name, isExecutable: ((mode ?? 0) & 0o100) !== 0, content };
  if (type === "directory") return { kind: "folder", name };
  if (type === "symlink") return { kind: "link", name, target: linkname ?? "" };
  if (type === "link") return { kind: "hard link", name, target: linkname ?? "" };
  return { kind: "refused", name, what: `it is a ${type ?? "special file"}; only files, folders and links are taken` };
}

/** @throws FetchError; a broken file is told as such. */
export async function unpackTar(path: string, encoding: Encoding, extraction: Extraction): Promise<void> {
  const source = createReadStream(path);
  const unpacked = decoder(encoding);
  const parser = extract();
  let between = 0;
  const guard = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      between += chunk.byteLength;
      // Counted only while no file's content flows; that has limits of its own.
      if (between > maxHeaderBytes) done(badArchive("It has a header of more than 4 MiB."));
      else done(null, chunk);
    },
  });
  const stages = [source, ...(unpacked === undefined ? [] : [unpacked]), guard];
  for (const [i, stage] of stages.entries()) {
    const next = stages[i + 1] ?? parser;
    stage.on("error", (error) => parser.destroy(error));
    stage.pipe(next as NodeJS.WritableStream);
  }
  try {
    for await (const entry of parser) {
      between = 0;
      const content = async function* (): AsyncIterable<Uint8Array> {
        for await (const chunk of entry as AsyncIterable<Uint8Array>) {
          between = 0;
          yield chunk;
        }
      };
      await extraction.add(entryOf(entry.header, Readable.from(content(), { objectMode: false })));
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
