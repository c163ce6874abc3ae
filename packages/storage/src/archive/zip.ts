// SPDX-License-Identifier: Apache-2.0
// zip, read from its central directory.
import type { Readable } from "node:stream";
import { type Entry, getFileNameLowLevel, openPromise, type ZipFile } from "yauzl";
import { type ArchiveEntry, badArchive, type Extraction } from "./extraction.ts";

const maxLinkBytes = 4_096;
const typeMask = 0o170000;
const [linkType, folderType, fileType] = [0o120000, 0o040000, 0o100000];

async function readText(content: Readable): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of content as AsyncIterable<Buffer>) {
    size += part.byteLength;
    if (size > maxLinkBytes) break;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8").slice(0, maxLinkBytes);
}

async function entryOf(zip: ZipFile, entry: Entry): Promise<ArchiveEntry> {
  const name = getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true);
  const isUnix = entry.versionMadeBy >> 8 === 3;
  const mode = isUnix ? entry.externalFileAttributes >>> 16 : 0;
  const type = mode & typeMask;
  if (entry.isEncrypted()) return { kind: "refused", name, what: "it is encrypted" };
  if (name.endsWith("/")) return { kind: "folder", name };
  if (![0, linkType, folderType, fileType].includes(type))
    return { kind: "refused", name, what: "it is a special file; only files, folders and links are taken" };
  const content = await zip.openReadStreamPromise(entry);
  // A size that lies is reported once to whoever reads and once more to nobody.
  content.on("error", () => {});
  if (type === linkType) return { kind: "link", name, target: await readText(content) };
  return { kind: "file", name, isExecutable: (mode & 0o100) !== 0, content };
}

/** @throws FetchError; a broken file is told as such. */
export async function unpackZip(path: string, extraction: Extraction): Promise<void> {
  let zip: ZipFile | undefined;
  try {
    // Names are judged by our own rules, entry by entry, so that the message is the same for every format.
    zip = await openPromise(path, { lazyEntries: true, autoClose: false, decodeStrings: false });
    for await (const entry of zip.eachEntry()) await extraction.add(await entryOf(zip, entry));
  } catch (error) {
    const { name, code = "", message } = error as Error & { code?: string };
    if (name === "ServalError" || name === "AbortError" || /^E[A-Z]+$/.test(code)) throw error;
    throw badArchive(`The file format is not valid. (${message})`, error);
  } finally {
    zip?.close();
  }
}
