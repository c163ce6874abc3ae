// SPDX-License-Identifier: Apache-2.0
// When log lines were written. Programs append to their logs themselves and nobody pumps them, so the kubelet notes once
// a second how long each log was at its last write: a line's time is that of the first note at or behind its end, at
// most a second late. The notes lie beside the log (`0.log.times`) and outlive the kubelet as the log does.
import { readFileSync, statSync } from "node:fs";
import { appendFile, writeFile } from "node:fs/promises";

interface Note {
  /** Length of the log. */
  readonly size: number;
  /** Last write, ms since the epoch. */
  readonly atMs: number;
}

export const timesPath = (log: string): string => `${log}.times`;

const parse = (text: string): Note[] =>
  text.split("\n").flatMap((line) => {
    const [size, atMs] = line.split(" ").map(Number);
    return size === undefined || atMs === undefined || Number.isNaN(size + atMs) ? [] : [{ size, atMs }];
  });

function readNotes(log: string): Note[] {
  try {
    return parse(readFileSync(timesPath(log), "latin1"));
  } catch {
    return [];
  }
}

function look(log: string): Note | undefined {
  try {
    const { size, mtimeMs } = statSync(log);
    return { size, atMs: Math.round(mtimeMs) };
  } catch {
    return undefined;
  }
}

/** Takes notes for the logs that it is asked about. */
export class LogClock {
  readonly #last = new Map<string, Note>();

  /** @param logs those that may have grown; others are forgotten. */
  async note(logs: readonly string[]): Promise<void> {
    const asked = new Set(logs);
    for (const log of this.#last.keys()) if (!asked.has(log)) this.#last.delete(log);
    for (const log of logs) {
      const now = look(log);
      const before = this.#last.get(log) ?? readNotes(log).at(-1) ?? { size: 0, atMs: 0 };
      if (now === undefined || now.size === before.size) continue;
      this.#last.set(log, now);
      const line = `${now.size} ${now.atMs}\n`;
      // Shorter than it was: the log was rotated and begins anew.
      if (now.size < before.size) await writeFile(timesPath(log), line);
      else await appendFile(timesPath(log), line);
    }
  }
}

export interface LogTimes {
  /** When the byte at this offset was written. */
  at(offset: number): number;
  /** Where lines begin that were written at or after this moment. */
  offsetSince(ms: number): number;
}

/** @param live what is written behind the notes is being written now (a followed log). */
export function readLogTimes(log: string, live: () => number): LogTimes {
  const notes = readNotes(log);
  const now = look(log);
  if (now !== undefined && now.size > (notes.at(-1)?.size ?? 0)) notes.push(now);
  /** The first note that covers the byte. */
  const find = (isFound: (note: Note) => boolean): number => {
    let [low, high] = [0, notes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isFound(notes[middle] as Note)) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  return {
    at: (offset) => notes[find(({ size }) => size > offset)]?.atMs ?? live(),
    offsetSince(ms) {
      const first = find(({ atMs }) => atMs >= ms);
      return first === 0 ? 0 : (notes[first - 1]?.size ?? 0);
    },
  };
}
