// SPDX-License-Identifier: Apache-2.0
// What a command is: data for help and parsing, and a function that runs. One file per command below commands/.
import { parseArgs } from "node:util";

export interface Flag {
  readonly type: "string" | "boolean";
  readonly short?: string;
  /** Shown in help: `DIR` in `--data-dir DIR`. */
  readonly value?: string;
  readonly help: string;
}

export interface Invocation {
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
  /** Everything as it was typed, for commands that parse by themselves. */
  readonly raw: readonly string[];
}

export interface Io {
  out(line: string): void;
  /** Without a newline: streamed answers. */
  write(text: string): void;
  err(line: string): void;
  readonly isTerminal: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

export interface Command {
  readonly name: string;
  /** Arguments in help: `NAME [-d @FILE|JSON]`. */
  readonly usage: string;
  readonly summary: string;
  readonly flags: Readonly<Record<string, Flag>>;
  /** Not in the list of commands: roles that other commands start. */
  readonly hidden?: boolean;
  /** The command parses its own arguments (KServe's flags). */
  readonly passThrough?: boolean;
  readonly details?: string;
  /** 0 done, 1 refused or failed, 2 wrong usage; commands may document more. */
  run(invocation: Invocation, io: Io): Promise<number>;
}

/** Wrong usage: the message and a pointer to help, exit 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A failure that was expected and is told in one message, exit 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

export const homeFlags = {
  "data-dir": {
    type: "string",
    value: "DIR",
    help: "The embedded home to use (default: a .serval above this folder, else ~/.serval)",
  },
} as const satisfies Record<string, Flag>;

export const namespaceFlag = {
  namespace: { type: "string", short: "n", value: "NS", help: "Namespace (default: default)" },
} as const satisfies Record<string, Flag>;

/** Levenshtein distance, for "did you mean". */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(
        (row[j] as number) + 1,
        (next[j - 1] as number) + 1,
        (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    }
    row = next;
  }
  return row[b.length] as number;
}

export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((name) => ({ name, distance: name.startsWith(word) ? 0.5 : editDistance(word, name) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(1, Math.floor(word.length / 2)) ? best.name : undefined;
}

/** @throws UsageError naming the flag and the nearest one. */
export function parseInvocation(command: Command, args: readonly string[]): Invocation {
  if (command.passThrough === true) return { flags: {}, positionals: [], raw: args };
  const options = Object.fromEntries(
    Object.entries(command.flags).map(([name, { type, short }]) => [
      name,
      short === undefined ? { type } : { type, short },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    return { flags: values as Invocation["flags"], positionals, raw: args };
  } catch (error) {
    const unknown = /Unknown option '(--?[\w-]+)'/.exec((error as Error).message)?.[1];
    if (unknown === undefined) throw new UsageError((error as Error).message);
    const close = nearest(unknown.replace(/^-+/, ""), Object.keys(command.flags));
    throw new UsageError(`Unknown flag "${unknown}"${close === undefined ? "" : `; did you mean --${close}?`}`);
  }
}

export function flagText(flags: Invocation["flags"], name: string): string | undefined {
  const value = flags[name];
  return typeof value === "string" ? value : undefined;
}
