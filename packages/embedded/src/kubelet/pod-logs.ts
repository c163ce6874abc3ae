// SPDX-License-Identifier: Apache-2.0
// Container logs: files that the processes append to, rotated by size, readable after death.
import { watch } from "node:fs";
import { copyFile, type FileHandle, open, rename, rm, stat, truncate } from "node:fs/promises";

export interface LogQuery {
  /** Bytes from the end are cut to whole lines. */
  readonly tailLines?: number | undefined;
  /** Nothing before this byte. */
  readonly fromOffset?: number | undefined;
  readonly limitBytes?: number | undefined;
  readonly follow?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Polled when following: true once nothing more will be written. */
  readonly ended?: () => boolean;
}

const chunkSize = 64 * 1024;

/** Start offset of the last `lines` lines of the file. */
async function tailOffset(file: FileHandle, lines: number): Promise<number> {
  let position = (await file.stat()).size;
  if (lines === 0) return position;
  // The newline that ends the file ends its last line; it does not begin another.
  let [wanted, isLastByte] = [lines, true];
  const buffer = Buffer.alloc(chunkSize);
  while (position > 0) {
    const length = Math.min(chunkSize, position);
    position -= length;
    await file.read(buffer, 0, length, position);
    for (let i = length - 1; i >= 0; i--) {
      if (buffer[i] === 10 && !isLastByte && --wanted === 0) return position + i + 1;
      isLastByte = false;
    }
  }
  return 0;
}

/** A piece of a log and where it begins in the file. */
export interface LogPiece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export async function* readLog(path: string, query: LogQuery): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of readLogPieces(path, query)) yield bytes;
}

/**
 * Bytes of a log; with `follow`, new ones as they are written, across rotations, until the container ended. The file
 * stays open: a pod's last words are read even when its directory is gone already.
 */
export async function* readLogPieces(path: string, query: LogQuery): AsyncGenerator<LogPiece> {
  const file = await open(path, "r");
  const tail = query.tailLines === undefined ? 0 : await tailOffset(file, query.tailLines);
  let offset = Math.max(tail, query.fromOffset ?? 0);
  let left = query.limitBytes ?? Number.POSITIVE_INFINITY;
  let wake = Promise.withResolvers<void>();
  const stop = (): void => wake.resolve();
  const watcher = query.follow === true ? watch(path, stop) : undefined;
  watcher?.on("error", () => watcher.close());
  const poll = query.follow === true ? setInterval(stop, 500) : undefined;
  query.signal?.addEventListener("abort", stop);
  try {
    for (;;) {
      const ended = query.follow !== true || query.ended?.() === true;
      const { size } = await file.stat();
      if (size < offset) offset = 0;
      while (offset < size && left > 0 && query.signal?.aborted !== true) {
        const buffer = Buffer.alloc(Math.min(chunkSize, size - offset, left));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
        if (bytesRead === 0) break;
        offset += bytesRead;
        left -= bytesRead;
        yield { offset: offset - bytesRead, bytes: buffer.subarray(0, bytesRead) };
      }
      if (ended || left <= 0 || query.signal?.aborted === true) return;
      await wake.promise;
      wake = Promise.withResolvers<void>();
    }
  } finally {
    await file.close();
    watcher?.close();
    clearInterval(poll);
    query.signal?.removeEventListener("abort", stop);
  }
}

/** The last lines of a log within `maxBytes`: Kubernetes' FallbackToLogsOnError message. */
export async function lastLines(path: string, lines: number, maxBytes: number): Promise<string> {
  let text = "";
  try {
    for await (const chunk of readLog(path, { tailLines: lines })) text += Buffer.from(chunk).toString("utf8");
  } catch {
    return "";
  }
  return text.length > maxBytes ? text.slice(-maxBytes) : text;
}

/**
 * Keeps a log under `maxBytes`: copies it to `<path>.1` (older ones move up to `.keep`) and empties it in place, since
 * the process holds it open for appending. Lines written between copy and truncation can be lost, as with copytruncate.
 */
export async function rotateLog(path: string, maxBytes: number, keep = 4): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.size < maxBytes) return false;
  await rm(`${path}.${keep}`, { force: true });
  for (let i = keep - 1; i >= 1; i--) await rename(`${path}.${i}`, `${path}.${i + 1}`).catch(() => {});
  await copyFile(path, `${path}.1`);
  await truncate(path, 0);
  return true;
}
