// SPDX-License-Identifier: Apache-2.0
// Every process of this machine at one moment, and what the processes of one container use together.
// Source: proc(5), /proc/<pid>/stat
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  /** Session on Linux, process group elsewhere: the container's shell leads both. */
  readonly session: number;
  /** CPU time of the process and of its children that have ended. */
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

/** Linux counts CPU time for user space in hundredths of a second on every architecture that Node supports. */
const msPerTick = 10;
const pageBytes = 4_096;
/** Reading is synchronous (a file of /proc is memory, a thread costs more); the loop is given back this often. */
const rowsPerTurn = 64;

/** One line of /proc/<pid>/stat. Undefined: a zombie, or no such line. */
export function rowFrom(stat: string): ProcessRow | undefined {
  // The command name is in parentheses and may contain anything.
  const end = stat.lastIndexOf(")");
  const fields = stat.slice(end + 2).split(" ");
  if (end < 0 || fields.length < 22 || fields[0] === "Z" || fields[0] === "X") return undefined;
  const at = (field: number): number => Number(fields[field - 3]);
  return {
    pid: Number.parseInt(stat, 10),
    parent: at(4),
    session: at(6),
    cpuMs: (at(14) + at(15) + at(16) + at(17)) * msPerTick,
    memoryBytes: at(24) * pageBytes,
  };
}

async function readProc(): Promise<ProcessRow[]> {
  const pids = readdirSync("/proc").filter((name) => name.charCodeAt(0) >= 48 && name.charCodeAt(0) <= 57);
  const rows: ProcessRow[] = [];
  for (const [index, pid] of pids.entries()) {
    if (index % rowsPerTurn === rowsPerTurn - 1) await nextTurn();
    try {
      const row = rowFrom(readFileSync(`/proc/${pid}/stat`, "latin1"));
      if (row !== undefined) rows.push(row);
    } catch {
      // It ended between the two readings.
    }
  }
  return rows;
}

/** `[[dd-]hh:]mm:ss[.cc]` */
function cpuTime(text: string): number {
  const [days, clock] = text.includes("-") ? (text.split("-") as [string, string]) : ["0", text];
  const seconds = clock.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
  return Math.round((Number(days) * 86_400 + seconds) * 1_000);
}

async function readPs(): Promise<ProcessRow[]> {
  const { stdout } = await run("ps", ["-axo", "pid=,ppid=,pgid=,time=,rss="], { maxBuffer: 16 * 1024 * 1024 });
  return stdout.split("\n").flatMap((line) => {
    const [pid, parent, session, time, kib] = line.trim().split(/\s+/);
    if (kib === undefined || time === undefined) return [];
    const memoryBytes = Number(kib) * 1_024;
    return [{ pid: Number(pid), parent: Number(parent), session: Number(session), cpuMs: cpuTime(time), memoryBytes }];
  });
}

export const readProcessTable = (): Promise<ProcessRow[]> => (process.platform === "linux" ? readProc() : readPs());

/** The processes of every container: members of its session, and whatever descends from them. Pure. */
export function groupBySession(
  rows: readonly ProcessRow[],
  sessions: ReadonlySet<number>,
): ReadonlyMap<number, readonly ProcessRow[]> {
  const byPid = new Map(rows.map((row) => [row.pid, row]));
  const known = new Map<number, number | undefined>();
  const sessionOf = (row: ProcessRow): number | undefined => {
    if (known.has(row.pid)) return known.get(row.pid);
    // A table read while processes come and go may close a circle.
    known.set(row.pid, undefined);
    const parent = byPid.get(row.parent);
    const found = sessions.has(row.session) ? row.session : parent === undefined ? undefined : sessionOf(parent);
    known.set(row.pid, found);
    return found;
  };
  const groups = new Map<number, ProcessRow[]>();
  for (const row of rows) {
    const session = sessionOf(row);
    if (session === undefined) continue;
    const group = groups.get(session);
    if (group === undefined) groups.set(session, [row]);
    else group.push(row);
  }
  return groups;
}

/** Memory that several processes share is counted once where the system tells it (PSS). */
export function memoryOf(rows: readonly ProcessRow[]): number {
  const plain = rows.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  if (rows.length < 2 || process.platform !== "linux") return plain;
  return rows.reduce((sum, { pid, memoryBytes }) => sum + (proportionalBytes(pid) ?? memoryBytes), 0);
}

function proportionalBytes(pid: number): number | undefined {
  try {
    const kib = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1_024;
  } catch {
    return undefined;
  }
}
