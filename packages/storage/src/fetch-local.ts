// SPDX-License-Identifier: Apache-2.0
// A source on this machine into a destination: links, not copies. Source: KServe kserve_storage.py `_download_local`.
import { lstat, readdir, readlink, stat, symlink } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { archiveKind } from "./archive/kind.ts";
import { unpackArchive } from "./archive/unpack.ts";
import type { Destination } from "./destination.ts";
import { diskFailure, FetchError } from "./errors.ts";
import type { FetchDeps } from "./fetch-deps.ts";
import { pathFilter } from "./filters.ts";

interface LocalJob {
  readonly uri: string;
  readonly source: string;
  readonly destination: Destination;
  readonly deps: FetchDeps;
}

/** KServe: top-level entries without those that begin with a dot; patterns see their names. */
async function entriesOf({ source, uri, deps }: LocalJob): Promise<string[]> {
  if ((await stat(source)).isFile()) return [source];
  const isWanted = pathFilter(deps.env);
  const names = (await readdir(source)).filter((name) => !name.startsWith(".") && isWanted(name)).sort();
  if (names.length > 0) return names.map((name) => join(source, name));
  throw new FetchError(`Failed to fetch model. No model found in ${uri}.`, {
    fix: "Point storageUri at the folder of the model file",
  });
}

async function linkOne(entry: string, { destination, deps }: LocalJob): Promise<void> {
  const target = join(destination.dir, basename(entry));
  const there = await lstat(target).catch(() => undefined);
  if (there === undefined) await symlink(resolve(entry), target);
  else if (!there.isSymbolicLink() || (await readlink(target)) !== resolve(entry))
    deps.log(`File ${basename(entry)} already exist`);
}

/** @throws FetchError */
export async function fetchLocal(job: LocalJob, signal: AbortSignal): Promise<void> {
  const { destination, deps } = job;
  const entries = await entriesOf(job);
  const [only] = entries;
  try {
    if (entries.length === 1 && only !== undefined && archiveKind(only) !== undefined && (await stat(only)).isFile()) {
      deps.progress.begin("Extracting", undefined);
      await unpackArchive({
        archive: only,
        dir: destination.dir,
        stagingDir: destination.stagingDir,
        limits: deps.limits,
        signal,
        onBytes: (count) => deps.progress.add(count),
      });
    } else for (const entry of entries) await linkOne(entry, job);
  } catch (error) {
    throw diskFailure(error, destination.dir);
  }
}
