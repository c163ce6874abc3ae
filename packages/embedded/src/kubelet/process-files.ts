// SPDX-License-Identifier: Apache-2.0
// What is on disk about each start of a container: its record (who runs), its exit, its claims (who may run). These files
// are the truth after a crash; the kubelet's memory is not.
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { processStartTime, startTimeFrom } from "./process-identity.ts";

export interface RunningProcess {
  readonly pid: number;
  /** Process group (and session) of the process and all its children; led by the shell that waits for it. */
  readonly groupId: number;
  readonly startTime: string;
  /** Identity of the group's leader: a reused group id must never be signalled. */
  readonly groupStartTime: string;
  readonly startedAt: string;
  readonly restart: number;
}

export interface ProcessExit {
  /** 128 + signal number when a signal ended it, as a container runtime reports it. */
  readonly exitCode: number;
  readonly finishedAt: string;
}

/** A claimed start leaves its record within this, unless its shell was killed in between. */
const recordTimeoutMs = 10_000;
const recordPollMs = 20;

export const logPath = (dir: string, restart: number): string => join(dir, `${restart}.log`);
export const basePath = (dir: string, restart: number): string => join(dir, String(restart));

const claimPath = (dir: string, restart: number, attempt: number): string => join(dir, `${restart}.claim-${attempt}`);

async function readWithTime(path: string): Promise<{ text: string; at: string } | undefined> {
  const [text, found] = await Promise.all([
    readFile(path, "utf8").catch(() => undefined),
    stat(path).catch(() => undefined),
  ]);
  return text === undefined || found === undefined ? undefined : { text, at: found.mtime.toISOString() };
}

/** What is on disk about a container's start number `restart`; undefined when that start never happened. */
export async function readRecord(dir: string, restart: number): Promise<RunningProcess | undefined> {
  const found = await readWithTime(`${basePath(dir, restart)}.pid`);
  if (found === undefined) return undefined;
  const [ids = "", identity = "", groupIdentity = ""] = found.text.split("\n");
  const [pid, groupId] = ids.split(" ").map(Number) as [number, number];
  return {
    pid,
    groupId,
    startTime: startTimeFrom(identity),
    groupStartTime: startTimeFrom(groupIdentity),
    startedAt: found.at,
    restart,
  };
}

export async function readExit(dir: string, restart: number): Promise<ProcessExit | undefined> {
  const found = await readWithTime(`${basePath(dir, restart)}.exit`);
  return found === undefined ? undefined : { exitCode: Number(found.text.trim()), finishedAt: found.at };
}

/** Restart numbers that have a log in a container's directory, ascending. */
export async function logNumbers(dir: string): Promise<number[]> {
  const names = await readdir(dir).catch(() => []);
  return names.flatMap((name) => (/^\d+\.log$/.test(name) ? [Number.parseInt(name, 10)] : [])).sort((a, b) => a - b);
}

/** The newest start that left a record; undefined: none did. */
export async function latestRecord(dir: string): Promise<RunningProcess | undefined> {
  const numbers = (await readdir(dir).catch(() => [])).flatMap((name) =>
    /^\d+\.pid$/.test(name) ? [Number.parseInt(name, 10)] : [],
  );
  return numbers.length === 0 ? undefined : readRecord(dir, Math.max(...numbers));
}

async function claimsOf(dir: string, restart: number): Promise<number> {
  const prefix = `${restart}.claim-`;
  return (await readdir(dir).catch(() => [])).filter((name) => name.startsWith(prefix)).length;
}

/** The file that the next start of this number must create to be allowed to run. */
export const nextClaim = async (dir: string, restart: number): Promise<string> =>
  claimPath(dir, restart, await claimsOf(dir, restart));

/**
 * Decides a start that an earlier kubelet may have left half done: either it has happened (its record) or from now on
 * it cannot happen any more (its claim is taken here, and its shell gives up when it finds that).
 */
export async function settleStart(dir: string, restart: number): Promise<RunningProcess | undefined> {
  const before = await readRecord(dir, restart);
  if (before !== undefined || !(await logNumbers(dir)).includes(restart)) return before;
  const attempt = await claimsOf(dir, restart);
  const isFenced = await writeFile(claimPath(dir, restart, attempt), "kubelet\n", { flag: "wx" }).then(
    () => true,
    () => false,
  );
  const last = isFenced ? attempt - 1 : attempt;
  return last < 0 ? undefined : awaitRecord(dir, restart, claimPath(dir, restart, last));
}

async function awaitRecord(dir: string, restart: number, claim: string): Promise<RunningProcess | undefined> {
  const deadline = performance.now() + recordTimeoutMs;
  for (;;) {
    const holder = (await readFile(claim, "utf8").catch(() => "")).trim();
    const isComing = holder === "" || (/^\d+$/.test(holder) && (await processStartTime(Number(holder))) !== undefined);
    const record = await readRecord(dir, restart);
    if (record !== undefined || !isComing || performance.now() > deadline) return record;
    await new Promise((resolve) => setTimeout(resolve, recordPollMs));
  }
}

/** Forgets starts before `oldest`: `kubectl logs` can ask for this one and the one before, for no other. */
export async function pruneStarts(dir: string, oldest: number): Promise<void> {
  for (const name of await readdir(dir).catch(() => [])) {
    const number = /^(\d+)\./.exec(name)?.[1];
    if (number !== undefined && Number(number) < oldest) await rm(join(dir, name), { force: true });
  }
}
