// SPDX-License-Identifier: Apache-2.0
// Reads back what the build wrote: the files of a tar by path, with what its headers say.
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { extract, type Header } from "tar-stream";

export interface TarFile {
  readonly header: Header;
  readonly bytes: Buffer;
}

async function readTar(source: Readable): Promise<TarFile[]> {
  const files: TarFile[] = [];
  const reader = extract();
  source.on("error", (error) => reader.destroy(error)).pipe(reader);
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    files.push({ header: entry.header, bytes: Buffer.concat(chunks) });
  }
  return files;
}

export async function readArchive(file: string): Promise<Map<string, Buffer>> {
  const files = await readTar(createReadStream(file));
  return new Map(files.filter(({ header }) => header.type === "file").map(({ header, bytes }) => [header.name, bytes]));
}

export const readLayer = (compressed: Buffer | string): Promise<TarFile[]> =>
  readTar(
    (typeof compressed === "string" ? createReadStream(compressed) : Readable.from([compressed])).pipe(createGunzip()),
  );
