// SPDX-License-Identifier: Apache-2.0
// How far the fetch is: a small file for the kubelet (SERVAL_PROGRESS_FILE), lines for people. Both in moderation.
import { renameSync, writeFileSync } from "node:fs";

export type Phase = "Downloading" | "Extracting" | "Done";

export interface Progress {
  /** A new phase or source; counts start at 0. */
  begin(phase: Phase, totalBytes: number | undefined): void;
  add(bytes: number): void;
  /** Writes the last state, whatever the time. */
  flush(): void;
}

export interface ProgressOptions {
  /** Undefined: nobody reads it. */
  readonly file: string | undefined;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Runs `work` after so many milliseconds, unless the process ends first. */
  readonly later: (ms: number, work: () => void) => void;
  readonly log: (line: string) => void;
}

const fileEveryMs = 250;
const lineEveryMs = 2_000;
const units = ["B", "KiB", "MiB", "GiB", "TiB"];

/** `12.5 MiB`. */
export function sizeText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** Atomic, so that a reader never sees half of it. A disk that refuses this must not end the fetch. */
function writeState(file: string, state: object): void {
  try {
    writeFileSync(`${file}.new`, JSON.stringify(state));
    renameSync(`${file}.new`, file);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

export function createProgress({ file, now, later, log }: ProgressOptions): Progress {
  let phase: Phase = "Downloading";
  let total: number | undefined;
  let bytes = 0;
  let [fileAt, lineAt, beganAt] = [Number.NEGATIVE_INFINITY, now(), now()];
  let isPlanned = false;
  const write = (): void => {
    fileAt = now();
    isPlanned = false;
    if (file !== undefined) writeState(file, { phase, bytes, ...(total === undefined ? {} : { totalBytes: total }) });
  };
  const line = (): void => {
    lineAt = now();
    const share = total === undefined || total === 0 ? "" : ` (${Math.floor((bytes / total) * 100)}%)`;
    const of = total === undefined ? "" : ` of ${sizeText(total)}`;
    const rate = bytes / Math.max(0.001, (lineAt - beganAt) / 1000);
    log(`${phase} ${sizeText(bytes)}${of}${share}, ${sizeText(rate)}/s`);
  };
  return {
    begin(next, totalBytes) {
      [phase, total, bytes] = [next, totalBytes, 0];
      beganAt = now();
      lineAt = beganAt;
      write();
    },
    add(count) {
      bytes += count;
      const at = now();
      if (at - fileAt >= fileEveryMs) write();
      else if (!isPlanned) {
        // A source that stalls right after a burst must not leave the state of before the burst.
        isPlanned = true;
        later(fileEveryMs - (at - fileAt), write);
      }
      if (at - lineAt >= lineEveryMs) line();
    },
    flush: write,
  };
}
