// SPDX-License-Identifier: Apache-2.0
// Is this still the process that we started? A pid alone is not an answer (pids are reused); pid and start time are.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * An opaque text that differs between two processes with the same pid: field 22 of /proc/<pid>/stat on Linux
 * (clock ticks since boot), `ps -o lstart` elsewhere. Undefined when no such process runs (a zombie does not).
 */
export async function processStartTime(pid: number): Promise<string | undefined> {
  if (process.platform !== "linux") {
    return run("ps", ["-o", "lstart=", "-p", String(pid)]).then(
      ({ stdout }) => stdout.trim() || undefined,
      () => undefined,
    );
  }
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (stat === undefined) return undefined;
  const state = stat.charAt(stat.lastIndexOf(")") + 2);
  return state === "Z" || state === "X" ? undefined : startTimeFrom(stat);
}

/** The identity in a line of /proc/<pid>/stat or of `ps -o lstart=`. */
export function startTimeFrom(identity: string): string {
  // The command name is in parentheses and may contain anything, parentheses too.
  const end = identity.lastIndexOf(")");
  return end < 0 ? identity.trim() : (identity.slice(end + 2).split(" ")[19] ?? "");
}

export const isSameProcess = async (pid: number, startTime: string): Promise<boolean> =>
  (await processStartTime(pid)) === startTime;

/** Sends a signal; false when no such process exists. A negative pid names a process group. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
