// SPDX-License-Identifier: Apache-2.0
// A source of files elsewhere into a destination: list, download what is missing, put into place, unpack a single
// archive. A source that changes meanwhile is listed again.
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { archiveKind } from "./archive/kind.ts";
import { safePath, shown } from "./archive/safe-path.ts";
import { unpackArchive } from "./archive/unpack.ts";
import {
  checkSpace,
  type Destination,
  type FinishedFile,
  finishedVersion,
  hasSize,
  listFinished,
  writeFinished,
} from "./destination.ts";
import { downloadFile, forget } from "./download/download-file.ts";
import { createSlots, forEachParallel } from "./download/parallel.ts";
import { diskFailure, FetchError, redactUri, SourceChanged } from "./errors.ts";
import type { FetchDeps } from "./fetch-deps.ts";
import { pathFilter } from "./filters.ts";
import type { Access, SourceFile, StorageScheme } from "./scheme.ts";
import { withRetries } from "./transport/retry.ts";

interface Job {
  readonly uri: string;
  readonly scheme: StorageScheme;
  readonly destination: Destination;
  readonly access: Access;
  readonly deps: FetchDeps;
}

const parallelFiles = 8;
const parallelRequests = 8;
const maxChanges = 3;
/** Names of 10 million objects would not fit into memory; no model has that many. */
const maxFiles = 200_000;

async function listAll({ uri, scheme, access, deps }: Job): Promise<SourceFile[]> {
  const isWanted = pathFilter(deps.env);
  const seen = new Set<string>();
  const files: SourceFile[] = [];
  for await (const file of scheme.list(uri, access)) {
    const safe = safePath(file.path);
    const problem =
      "problem" in safe ? safe.problem : seen.has(safe.path) ? "another one has the same name" : undefined;
    if (problem !== undefined || "problem" in safe)
      throw new FetchError(`Refuse to fetch ${shown(file.path)} of '${redactUri(uri)}': ${problem}`, {
        fix: "Rename or remove it at the source",
      });
    seen.add(safe.path);
    // KServe: patterns do not apply to a file that the URI itself names.
    if (isWanted(safe.path) || scheme.name === "http") files.push({ ...file, path: safe.path });
    if (files.length > maxFiles)
      throw new FetchError(`'${redactUri(uri)}' holds more than ${maxFiles} files`, {
        fix: "Name the model's own folder",
      });
  }
  if (files.length > 0) return files;
  throw new FetchError(`Failed to fetch model. No model found in ${redactUri(uri)}.`, {
    fix: "Check the path in storageUri, and STORAGE_ALLOW_PATTERNS and STORAGE_IGNORE_PATTERNS if they are set",
  });
}

/** In place already, put there by an earlier process from the same version. */
async function isInPlace({ destination }: Job, file: SourceFile): Promise<boolean> {
  if (file.version === undefined || file.sizeBytes === undefined) return false;
  const { finishedPath } = destination.partPaths(file.path);
  return (
    (await finishedVersion(finishedPath)) === file.version &&
    (await hasSize(join(destination.dir, file.path), file.sizeBytes))
  );
}

async function download(
  job: Job,
  file: SourceFile,
  context: { slots: ReturnType<typeof createSlots>; signal: AbortSignal },
) {
  const { scheme, destination, access, deps, uri } = job;
  const options = {
    ...context,
    ...destination.partPaths(file.path),
    file,
    source: redactUri(uri.endsWith(file.path) ? uri : `${uri.replace(/\/+$/, "")}/${file.path}`),
    open: (range: Parameters<StorageScheme["open"]>[1], signal: AbortSignal) =>
      scheme.open(file, range, { ...access, signal }),
    retry: deps.retry,
    partBytes: deps.partBytes,
    bootId: deps.bootId,
    log: deps.log,
    onBytes: (count: number) => deps.progress.add(count),
  };
  try {
    // Once more for a wrong checksum; connections have their own, longer patience inside.
    await withRetries(() => downloadFile(options), {
      policy: { ...deps.retry, attempts: 2 },
      ...context,
      log: deps.log,
    });
  } catch (error) {
    if (error instanceof SourceChanged) await forget(options);
    throw error;
  }
}

async function putInPlace({ destination }: Job, file: SourceFile): Promise<void> {
  const { partPath, ledgerPath, finishedPath } = destination.partPaths(file.path);
  const target = join(destination.dir, file.path);
  try {
    await mkdir(dirname(target), { recursive: true });
    await rename(partPath, target);
    await writeFinished(finishedPath, file.version);
    await rm(ledgerPath, { force: true });
  } catch (error) {
    throw diskFailure(error, target);
  }
}

async function unpackOnly(job: Job, file: SourceFile): Promise<readonly FinishedFile[]> {
  const { destination, access, deps } = job;
  const { partPath } = destination.partPaths(file.path);
  const before = await stat(partPath);
  deps.log(`Unpacking ${file.path} (${before.size} bytes)`);
  deps.progress.begin("Extracting", undefined);
  try {
    await unpackArchive({
      archive: partPath,
      dir: destination.dir,
      stagingDir: destination.stagingDir,
      limits: deps.limits,
      signal: access.signal,
      onBytes: (count) => deps.progress.add(count),
    });
  } catch (error) {
    // A broken archive would be found again at the next start, without asking whether it was corrected meanwhile.
    await forget(destination.partPaths(file.path));
    throw error;
  }
  await forget(destination.partPaths(file.path));
  return listFinished(destination.dir);
}

async function fetchOnce(job: Job): Promise<readonly FinishedFile[]> {
  const { destination, access, deps } = job;
  const files = await withRetries(() => listAll(job), { policy: deps.retry, signal: access.signal, log: deps.log });
  const total = files.every(({ sizeBytes }) => sizeBytes !== undefined)
    ? files.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0)
    : undefined;
  const there = await Promise.all(files.map((file) => isInPlace(job, file)));
  const missing = files.filter((_, i) => there[i] !== true);
  deps.progress.begin("Downloading", total);
  deps.progress.add(
    files.filter((_, i) => there[i] === true).reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0),
  );
  await checkSpace(destination.dir, await missingBytes(job, missing));
  const [only] = files;
  const isArchive = files.length === 1 && only !== undefined && (only.archive ?? archiveKind(only.path)) !== undefined;
  const slots = createSlots(parallelRequests);
  await forEachParallel(missing, { hands: parallelFiles, signal: access.signal }, async (file, signal) => {
    await download(job, file, { slots, signal });
    if (!isArchive) await putInPlace(job, file);
  });
  if (isArchive) return unpackOnly(job, only);
  return Promise.all(
    files.map(async ({ path }) => ({ path, sizeBytes: (await stat(join(destination.dir, path))).size })),
  );
}

/** What is still to come: a part that is here already has its blocks. */
async function missingBytes({ destination }: Job, files: readonly SourceFile[]): Promise<number> {
  const sizes = files.map(async ({ path, sizeBytes = 0 }) => {
    const part = await stat(destination.partPaths(path).partPath).catch(() => undefined);
    return Math.max(0, sizeBytes - (part?.blocks ?? 0) * 512);
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** @returns what is in the destination now. @throws FetchError */
export async function fetchRemote(job: Job): Promise<readonly FinishedFile[]> {
  for (let changes = 1; ; changes++) {
    try {
      return await fetchOnce(job);
    } catch (error) {
      if (!(error instanceof SourceChanged)) throw error;
      if (changes >= maxChanges)
        throw new FetchError(`'${redactUri(job.uri)}' changed ${changes} times while it was being read`, {
          fix: "Wait until its upload has ended",
          cause: error,
        });
      job.deps.log(`${error.message}; starting over (${changes} of ${maxChanges - 1})`);
    }
  }
}
