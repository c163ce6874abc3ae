// SPDX-License-Identifier: Apache-2.0
// What of a file is on disk already, so that another process can go on: a header that says which bytes these are, then
// one line per finished part. A torn last line is a part that is fetched again.
import { type FileHandle, open, readFile, rm } from "node:fs/promises";

export interface LedgerHeader {
  readonly source: string;
  /** Undefined: the source cannot say what these bytes are, so no later process may go on with them. */
  readonly version: string | undefined;
  readonly sizeBytes: number;
  readonly partBytes: number;
  /** Pages may be lost with the machine although their line was kept; another boot starts over. */
  readonly bootId: string;
}

export interface Ledger {
  isDone(part: number): boolean;
  readonly doneParts: number;
  finish(part: number): Promise<void>;
  close(): Promise<void>;
}

const format = "serval-download-1";

function parse(text: string, header: string): Set<number> | undefined {
  const [first, ...rest] = text.split("\n");
  if (first !== header) return undefined;
  // The last piece is empty, or a line that was never finished.
  return new Set(rest.slice(0, -1).map(Number).filter(Number.isInteger));
}

/** Every part that is on record ends within the file: else the file is not the one that the record is about. */
const isCovered = (done: Set<number>, { partBytes, sizeBytes }: LedgerHeader, fileBytes: number): boolean =>
  [...done].every((part) => Math.min(sizeBytes, (part + 1) * partBytes) <= fileBytes);

/**
 * Goes on with the ledger at `path` when it is about the same bytes; else starts a new one.
 *
 * @param fileBytes size of the file that holds the parts.
 */
export async function openLedger(path: string, header: LedgerHeader, fileBytes: number): Promise<Ledger> {
  const firstLine = JSON.stringify([
    format,
    header.source,
    header.version ?? null,
    header.sizeBytes,
    header.partBytes,
    header.bootId,
  ]);
  const text = header.version === undefined ? undefined : await readFile(path, "utf8").catch(() => undefined);
  const recorded = text === undefined ? undefined : parse(text, firstLine);
  const known = recorded !== undefined && isCovered(recorded, header, fileBytes) ? recorded : undefined;
  const done = known ?? new Set<number>();
  let file: FileHandle;
  if (known === undefined) {
    await rm(path, { force: true });
    file = await open(path, "a", 0o600);
    await file.write(`${firstLine}\n`);
  } else {
    file = await open(path, "a", 0o600);
    // Ends a torn line, which then is no number of a part that exists.
    if (text?.endsWith("\n") === false) await file.write("torn\n");
  }
  return {
    isDone: (part) => done.has(part),
    get doneParts() {
      return done.size;
    },
    async finish(part) {
      await file.write(`${part}\n`);
      done.add(part);
    },
    close: () => file.close(),
  };
}
