// SPDX-License-Identifier: Apache-2.0
// An archive becomes the files of a model: into a folder aside first, into place only when all of it was good.
import { lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { diskFailure } from "../errors.ts";
import { badArchive, Extraction, type UnpackLimits } from "./extraction.ts";
import { type Encoding, encodingOf } from "./kind.ts";

export interface UnpackOptions {
  readonly archive: string;
  readonly dir: string;
  /** On the file system of `dir`; removed in the end, whatever happens. */
  readonly stagingDir: string;
  readonly limits: UnpackLimits;
  readonly signal: AbortSignal;
  readonly onBytes?: (count: number) => void;
}

async function headOf(path: string): Promise<{ encoding: Encoding; sizeBytes: number }> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
    return { encoding: encodingOf(buffer.subarray(0, bytesRead)), sizeBytes: (await file.stat()).size };
  } finally {
    await file.close();
  }
}

/** Folders are joined, files replace files of the same name, as unpacking on the spot would. */
async function moveInto(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    const there = await lstat(target).catch(() => undefined);
    if (there?.isDirectory() === true && entry.isDirectory()) await moveInto(source, target);
    else {
      if (there?.isDirectory() === true) throw badArchive(`"${entry.name}" would replace a folder by a file.`);
      if (there !== undefined) await rm(target);
      await rename(source, target);
    }
  }
}

/** @throws FetchError; nothing of a refused archive is left. */
export async function unpackArchive(options: UnpackOptions): Promise<void> {
  const { archive, dir, stagingDir, limits, signal } = options;
  await rm(stagingDir, { recursive: true, force: true });
  try {
    await mkdir(stagingDir, { recursive: true });
    const { encoding, sizeBytes } = await headOf(archive);
    const extraction = new Extraction({
      root: stagingDir,
      archiveBytes: sizeBytes,
      limits,
      signal,
      onBytes: options.onBytes ?? (() => {}),
    });
    // Loaded when needed: most models are no archives, and each pod pays for what is loaded.
    if (encoding === "zip") await (await import("./zip.ts")).unpackZip(archive, extraction);
    else await (await import("./tar.ts")).unpackTar(archive, encoding, extraction);
    await extraction.finish();
    await moveInto(stagingDir, dir);
  } catch (error) {
    throw diskFailure(error, dir);
  } finally {
    await rm(stagingDir, { recursive: true, force: true });
  }
}
