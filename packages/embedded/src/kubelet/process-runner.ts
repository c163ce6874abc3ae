// SPDX-License-Identifier: Apache-2.0
// Runs a container as a process that outlives the kubelet. A few lines of shell stand between them, in a session of
// their own: they write the exit code to disk, so that a kubelet that was away learns it, and log files are opened by
// the process itself, so that nobody has to pump them.
import { type ChildProcess, spawn } from "node:child_process";
import { constants, type FSWatcher, watch } from "node:fs";
import { access, mkdir, open, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { throughShell } from "./odd-variables.ts";
import {
  basePath,
  logPath,
  nextClaim,
  type ProcessExit,
  type RunningProcess,
  readExit,
  readRecord,
} from "./process-files.ts";
import { isSameProcess, processStartTime, signalProcess } from "./process-identity.ts";
import type { ResourceLimits } from "./resource-limits.ts";

export interface Launch {
  /** State of this container: logs, records, exit files. */
  readonly dir: string;
  readonly restart: number;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly limits: ResourceLimits;
}

/** The program could not be started at all. */
export class StartError extends Error {
  override readonly name = "StartError";
}

// Who creates the claim first may run: a kubelet that finds a half-done start takes the claim, and this shell, should it
// come late, gives up (process-files.ts). The trap keeps the shell alive through signals to its group; a caught signal
// is reset to default in the child. The shell itself records who the child is, so that a kubelet killed at this very
// moment is not needed for it.
const shim = `trap : TERM INT HUP
log=$1 base=$2 claim=$3; shift 3
set -C
echo "$$" >"$claim" || exit 0
set +C
eval "$SERVAL_SHIM_LIMITS"
unset SERVAL_SHIM_LIMITS
identity() { if [ -r "/proc/$1/stat" ]; then IFS= read -r found <"/proc/$1/stat"; else found=$(ps -o lstart= -p "$1"); fi; }
"$@" </dev/null >>"$log" 2>&1 3>&- &
child=$!
identity $$; own=$found
identity $child
printf '%s %s\\n%s\\n%s\\n' "$child" "$$" "$found" "$own" >"$base.pid.new" && mv "$base.pid.new" "$base.pid"
echo >&3; exec 3>&-
while :; do wait "$child"; code=$?; kill -0 "$child" 2>/dev/null || break; done
echo "$code" >"$base.exit.new" && mv "$base.exit.new" "$base.exit"`;

async function isExecutable(path: string): Promise<boolean> {
  const [found, ok] = await Promise.all([
    stat(path).catch(() => undefined),
    access(path, constants.X_OK).then(
      () => true,
      () => false,
    ),
  ]);
  return ok && found?.isFile() === true;
}

/** The program's file. @throws StartError in the words of a container runtime. */
async function findProgram(program: string, { env, cwd }: Pick<Launch, "env" | "cwd">): Promise<string> {
  const candidates = program.includes("/")
    ? [program.startsWith("/") ? program : join(cwd, program)]
    : (env["PATH"] ?? "").split(delimiter).map((dir) => join(dir, program));
  for (const candidate of candidates) if (await isExecutable(candidate)) return candidate;
  throw new StartError(
    `exec: "${program}": ${program.includes("/") ? "no such executable file" : "executable file not found in $PATH"}`,
  );
}

/** Resolves when the shell has recorded the child. */
const childRecorded = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    // A failed spawn may leave no pipes at all.
    const stream = child.stdio[3] as NodeJS.ReadableStream | null | undefined;
    stream?.on("data", () => resolve());
    stream?.on("end", () => reject(new StartError("the process ended before it could be started")));
    stream?.on("error", (error: Error) => reject(new StartError(error.message)));
    child.on("error", (error) => reject(new StartError(error.message)));
  });

/** Starts the process; when this returns it is on record on disk. @throws StartError */
export async function startProcess(launch: Launch): Promise<RunningProcess> {
  const { dir, restart, cwd } = launch;
  await mkdir(dir, { recursive: true });
  await mkdir(cwd, { recursive: true });
  const { argv, env } = throughShell(launch, await findProgram(launch.argv[0] ?? "", launch));
  // The log comes first: it is the trace of a start that may be half done (settleStart).
  await (await open(logPath(dir, restart), "a")).close();
  const paths = [logPath(dir, restart), basePath(dir, restart), await nextClaim(dir, restart)];
  const child = spawn("/bin/sh", ["-c", shim, "serval-pod", ...paths, ...argv], {
    cwd,
    env: { ...env, SERVAL_SHIM_LIMITS: launch.limits.shell },
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  await childRecorded(child);
  child.unref();
  const record = await readRecord(dir, restart);
  if (record === undefined) throw new StartError(`the process left no record in "${dir}"`);
  return record;
}

/** Only for events; where the system has no watches left, the poll alone must do. */
function watchExits(dir: string, wake: () => void): FSWatcher | undefined {
  try {
    // The process's own log writes are events of this directory too, and none of our business.
    const watcher = watch(dir, (_event, name) => {
      if (name === null || name.endsWith(".exit")) wake();
    });
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}

const exitPollMs = 500;
/** The shell needs a moment to write the code of a dead process: so long when it was killed too, or still runs. */
const lostExitMs = { shellDead: 1_000, shellAlive: 15_000 };

/**
 * Resolves when the process has ended, with its exit code; 137 when even its shell was killed (nobody wrote a code).
 * Works for processes of an earlier kubelet too. Undefined when the signal came first.
 */
export async function waitForExit(
  dir: string,
  running: RunningProcess,
  signal: AbortSignal,
): Promise<ProcessExit | undefined> {
  let wake = Promise.withResolvers<void>();
  const stop = (): void => wake.resolve();
  const watcher = watchExits(dir, stop);
  const poll = setInterval(stop, exitPollMs);
  signal.addEventListener("abort", stop);
  let deadSince: number | undefined;
  try {
    while (!signal.aborted) {
      const isAlive = await isSameProcess(running.pid, running.startTime);
      const exit = await readExit(dir, running.restart);
      if (exit !== undefined) return exit;
      deadSince = isAlive ? undefined : (deadSince ?? performance.now());
      if (deadSince !== undefined) {
        const hasShell = await isSameProcess(running.groupId, running.groupStartTime);
        const patience = hasShell ? lostExitMs.shellAlive : lostExitMs.shellDead;
        if (performance.now() - deadSince > patience) return { exitCode: 137, finishedAt: new Date().toISOString() };
      }
      await wake.promise;
      wake = Promise.withResolvers<void>();
    }
    return undefined;
  } finally {
    watcher?.close();
    clearInterval(poll);
    signal.removeEventListener("abort", stop);
  }
}

/** SIGTERM to the process itself, as a container runtime does; its children are its own affair until SIGKILL. */
export async function terminate(running: RunningProcess): Promise<void> {
  if (await isSameProcess(running.pid, running.startTime)) signalProcess(running.pid, "SIGTERM");
}

/** SIGKILL to the process first (the shell then records the code); `killGroup` is for what it left behind. */
export async function killProcess(running: RunningProcess): Promise<void> {
  if (await isSameProcess(running.pid, running.startTime)) signalProcess(running.pid, "SIGKILL");
}

/** What the process left running in its group. A group id is not reused while members of the group live. */
export async function killGroup(running: RunningProcess): Promise<void> {
  const leader = await processStartTime(running.groupId);
  if (leader === undefined || leader === running.groupStartTime) signalProcess(-running.groupId, "SIGKILL");
}
