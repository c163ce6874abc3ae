// SPDX-License-Identifier: Apache-2.0
// One file onto this disk: in parallel parts where the source has ranges, going on after a broken connection and after
// the end of the process, summed while it comes. Memory is a few buffers, whatever the size.
import { type FileHandle, open, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { bodyFailure, diskFailure, FetchError } from "../errors.ts";
import type { ByteRange, OpenedFile, SourceFile } from "../scheme.ts";
import { type RetryPolicy, withRetries } from "../transport/retry.ts";
import { createSummer } from "./checksum.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import { forEachParallel, type Slots } from "./parallel.ts";

export interface DownloadOptions {
  readonly file: SourceFile;
  /** Names the source in the ledger and in messages; holds no secret. */
  readonly source: string;
  /** Both stay after a failure, for the next try; the ledger goes when the file is complete. */
  readonly partPath: string;
  readonly ledgerPath: string;
  readonly open: (range: ByteRange | undefined, signal: AbortSignal) => Promise<OpenedFile>;
  readonly retry: RetryPolicy;
  readonly slots: Slots;
  readonly partBytes: number;
  readonly bootId: string | undefined;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  /** Negative when bytes have to come again. */
  readonly onBytes: (count: number) => void;
}

const hands = 8;
const bufferBytes = 1024 * 1024;

async function writeAll(target: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await target.write(bytes, done, bytes.byteLength - done, position + done);
    done += bytesWritten;
  }
}

const truncated = (source: string, got: number, wanted: number): FetchError =>
  new FetchError(`The connection to '${source}' ended early: ${got} of ${wanted} bytes came`, {
    fix: "Look at the log of the server or proxy",
    transient: true,
  });

/** One part, going on where the last connection broke. */
async function fetchPart(range: ByteRange, target: FileHandle, options: DownloadOptions): Promise<void> {
  const { source, retry, signal, log, onBytes } = options;
  let at = range.start;
  await withRetries(
    async (progressed) => {
      const { stream } = await options.open({ start: at, end: range.end }, signal);
      try {
        for await (const chunk of stream as AsyncIterable<Uint8Array>) {
          const bytes = chunk.subarray(0, range.end - at);
          await writeAll(target, bytes, at);
          at += bytes.byteLength;
          onBytes(bytes.byteLength);
          progressed();
          if (at >= range.end) break;
        }
      } catch (error) {
        throw bodyFailure(source, error);
      } finally {
        stream.destroy();
      }
      if (at < range.end) throw truncated(source, at - range.start, range.end - range.start);
    },
    { policy: retry, signal, log },
  );
}

/** Sums the file from its start as far as it has come, while later parts still arrive. */
function createFrontier(target: FileHandle, { file, partBytes }: DownloadOptions, ledger: Ledger) {
  const summer = file.checksum === undefined ? undefined : createSummer(file.checksum.algorithm);
  const buffer = Buffer.alloc(summer === undefined ? 0 : bufferBytes);
  const size = file.sizeBytes ?? 0;
  let position = 0;
  let running: Promise<void> = Promise.resolve();
  const advance = async (): Promise<void> => {
    while (position < size && ledger.isDone(Math.floor(position / partBytes))) {
      const end = Math.min(size, (Math.floor(position / partBytes) + 1) * partBytes);
      const { bytesRead } = await target.read(buffer, 0, Math.min(buffer.byteLength, end - position), position);
      if (bytesRead === 0)
        throw new FetchError("The part file shrank while it was read", { fix: "Try again", transient: true });
      summer?.update(buffer.subarray(0, bytesRead));
      position += bytesRead;
    }
  };
  return {
    poke(): void {
      if (summer !== undefined) running = running.then(advance);
      running.catch(() => {});
    },
    async hex(): Promise<string | undefined> {
      this.poke();
      await running;
      return summer?.hex();
    },
  };
}

async function downloadParts(options: DownloadOptions, target: FileHandle): Promise<string | undefined> {
  const { file, partBytes, slots } = options;
  const size = file.sizeBytes ?? 0;
  const count = Math.ceil(size / partBytes);
  const header = {
    source: options.source,
    version: file.version,
    sizeBytes: size,
    partBytes,
    bootId: options.bootId ?? "",
  };
  const ledger = await openLedger(options.ledgerPath, header, (await target.stat()).size);
  try {
    const rangeOf = (part: number): ByteRange => ({
      start: part * partBytes,
      end: Math.min(size, (part + 1) * partBytes),
    });
    const all = Array.from({ length: count }, (_, part) => part);
    const done = all.filter((part) => ledger.isDone(part));
    const doneBytes = done.map(rangeOf).reduce((sum, { start, end }) => sum + end - start, 0);
    if (done.length === 0) await target.truncate(0);
    else options.log(`Going on after ${doneBytes} of ${size} bytes of ${file.path}`);
    options.onBytes(doneBytes);
    const frontier = createFrontier(target, options, ledger);
    const missing = all.filter((part) => !ledger.isDone(part));
    await forEachParallel(missing, { hands, signal: options.signal }, (part, signal) =>
      slots.use(async () => {
        await fetchPart(rangeOf(part), target, { ...options, signal });
        // Without a boot id a crash of the machine cannot be told from one of the process.
        if (options.bootId === undefined) await target.datasync();
        await ledger.finish(part);
        frontier.poke();
      }),
    );
    return await frontier.hex();
  } finally {
    await ledger.close();
  }
}

/** Sources without ranges: one stream, from the start each time. */
async function downloadStream(options: DownloadOptions, target: FileHandle): Promise<string | undefined> {
  const { file, source, retry, signal, log, onBytes } = options;
  return options.slots.use(() =>
    withRetries(
      async () => {
        const { stream, isGzip } = await options.open(undefined, signal);
        const summer = file.checksum === undefined ? undefined : createSummer(file.checksum.algorithm);
        let [wire, at] = [0, 0];
        await target.truncate(0);
        const tapped = async function* (): AsyncIterable<Uint8Array> {
          for await (const chunk of stream as AsyncIterable<Uint8Array>) {
            summer?.update(chunk);
            wire += chunk.byteLength;
            yield chunk;
          }
        };
        const raw = Readable.from(tapped(), { objectMode: false });
        const plain = isGzip ? raw.pipe(createGunzip()) : raw;
        raw.on("error", (error) => plain.destroy(error));
        try {
          for await (const chunk of plain as AsyncIterable<Uint8Array>) {
            await writeAll(target, chunk, at);
            at += chunk.byteLength;
            onBytes(chunk.byteLength);
          }
          if (file.sizeBytes !== undefined && wire !== file.sizeBytes) throw truncated(source, wire, file.sizeBytes);
        } catch (error) {
          onBytes(-at);
          throw bodyFailure(source, error);
        } finally {
          stream.destroy();
        }
        return summer?.hex();
      },
      { policy: retry, signal, log },
    ),
  );
}

/** Removes what is kept for a later try. */
export async function forget({
  partPath,
  ledgerPath,
}: Pick<DownloadOptions, "partPath" | "ledgerPath">): Promise<void> {
  await rm(partPath, { force: true });
  await rm(ledgerPath, { force: true });
}

/**
 * Leaves the whole, checked file at `partPath`.
 *
 * @throws SourceChanged, FetchError. After a full disk and after a wrong checksum nothing is left.
 */
export async function downloadFile(options: DownloadOptions): Promise<void> {
  const { file, partPath } = options;
  try {
    const target = await open(partPath, "r+").catch(() => open(partPath, "w+", 0o644));
    let sum: string | undefined;
    try {
      const isParted = file.hasRanges && file.sizeBytes !== undefined;
      sum = isParted ? await downloadParts(options, target) : await downloadStream(options, target);
      await target.datasync();
    } finally {
      await target.close();
    }
    if (file.checksum === undefined || sum === file.checksum.hex) return;
    await forget(options);
    throw new FetchError(
      `The ${file.checksum.algorithm} of '${options.source}' is ${sum}, but the source says ${file.checksum.hex}`,
      { fix: "Upload the file again, or look for a proxy that changes it", transient: true },
    );
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOSPC" || code === "EDQUOT") await forget(options);
    throw diskFailure(error, partPath);
  }
}
