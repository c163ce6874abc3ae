// SPDX-License-Identifier: Apache-2.0
// Who owns a data directory: process id and start time, since ids are used again.
import { readFileSync } from "node:fs";

export interface Owner {
  readonly pid: number;
  /** Clock ticks since boot, Linux only. */
  readonly startTime?: string;
}

/**
 * Field 22 of /proc/<pid>/stat (proc(5)); the command in field 2 may hold spaces, so count after its ")". A killed
 * process that nobody has waited for yet (a zombie; for ever where process 1 of a container reaps nobody) owns nothing.
 */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

export function thisProcess(): Owner {
  const startTime = startTimeOf(process.pid);
  return startTime === undefined ? { pid: process.pid } : { pid: process.pid, startTime };
}

export function isAlive({ pid, startTime }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return startTime === undefined || startTimeOf(pid) === startTime;
}
