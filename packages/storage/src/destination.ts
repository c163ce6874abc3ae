// SPDX-License-Identifier: Apache-2.0
// A destination's own memory: what is complete, what is on its way. It lives in the destination, because on a cluster
// nothing else outlives an init container that starts again.
import { createHash } from "node:crypto";
import { lstat, mkdir, readdir, readFile, rename, rm, stat, statfs, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { workFolder } from "./archive/safe-path.ts";
import { diskFailure, FetchError } from "./errors.ts";
import { sizeText } from "./progress.ts";

export interface FinishedFile {
  readonly path: string;
  readonly sizeBytes: number;
}

export interface Destination {
  readonly dir: string;
  /** Where a file on its way is kept. */
  partPaths(path: string): { partPath: string; ledgerPath: string; finishedPath: string };
  readonly stagingDir: string;
  /** The files of a fetch that ended well; undefined when there was none or a file of it is gone. */
  complete(): Promise<readonly FinishedFile[] | undefined>;
  markComplete(files: readonly FinishedFile[]): Promise<void>;
}

const short = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 24);

async function writeAtomic(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { flush: true });
  await rename(`${path}.new`, path);
}

export async function hasSize(path: string, sizeBytes: number): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isFile() === true && found.size === sizeBytes;
}

/** @throws FetchError when the folder cannot be written. */
export async function openDestination(dir: string, uri: string): Promise<Destination> {
  const id = short(uri);
  const work = join(dir, workFolder);
  const own = join(work, id);
  const donePath = join(work, `${id}.done`);
  await mkdir(own, { recursive: true }).catch((error: unknown) => {
    throw diskFailure(error, dir);
  });
  return {
    dir,
    partPaths: (path) => {
      const base = join(own, short(path));
      return { partPath: `${base}.part`, ledgerPath: `${base}.ledger`, finishedPath: `${base}.finished` };
    },
    stagingDir: join(own, "unpacking"),
    async complete() {
      const text = await readFile(donePath, "utf8").catch(() => undefined);
      if (text === undefined) return undefined;
      try {
        const { files } = JSON.parse(text) as { files: FinishedFile[] };
        const there = await Promise.all(files.map(({ path, sizeBytes }) => hasSize(join(dir, path), sizeBytes)));
        return there.every(Boolean) ? files : undefined;
      } catch {
        return undefined;
      }
    },
    async markComplete(files) {
      try {
        await writeAtomic(donePath, JSON.stringify({ files }));
        await rm(own, { recursive: true, force: true });
      } catch (error) {
        throw diskFailure(error, donePath);
      }
    },
  };
}

/** Says before the first byte what would go wrong after the last that fits. */
export async function checkSpace(dir: string, neededBytes: number): Promise<void> {
  const { bavail, bsize, type } = await statfs(dir);
  const freeBytes = bavail * bsize;
  // Some network and overlay file systems report nothing.
  if (type === 0 || (bavail === 0 && bsize === 0) || neededBytes <= freeBytes) return;
  throw new FetchError(
    `Cannot write to "${dir}": the disk is too full, the model needs ${sizeText(neededBytes)} more and ${sizeText(freeBytes)} are free`,
    { fix: "Free space there, raise the volume's size limit, or use a smaller model" },
  );
}

export async function writeFinished(path: string, version: string | undefined): Promise<void> {
  await writeAtomic(path, JSON.stringify({ version: version ?? null }));
}

/** The version of a file that an earlier process put into place. */
export async function finishedVersion(path: string): Promise<string | undefined> {
  try {
    const { version } = JSON.parse(await readFile(path, "utf8")) as { version: string | null };
    return version ?? undefined;
  } catch {
    return undefined;
  }
}

/** Regular files below a folder, without our own. */
export async function listFinished(dir: string): Promise<readonly FinishedFile[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .filter((path) => path.split("/")[0] !== workFolder);
  return Promise.all(files.map(async (path) => ({ path, sizeBytes: (await stat(join(dir, path))).size })));
}
