// SPDX-License-Identifier: Apache-2.0
// Runs a container as a process that outlives the kubelet. A two-line shell stands between them, in a session of its
// own: it writes the exit code to disk, so that a kubelet that was away learns it, and log files are opened by the
// process itself, so that nobody has to pump them.
import { type ChildProcess, spawn } from "node:child_process";
import { constants, watch } from "node:fs";
import { access, mkdir, open, readFile, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { isSameProcess, signalProcess, startTimeFrom } from "./process-identity.ts";
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

export interface RunningProcess {
  readonly pid: number;
  /** Process group (and session) of the process and all its children. */
  readonly groupId: number;
  readonly startTime: string;
  readonly startedAt: string;
  readonly restart: number;
}

export interface ProcessExit {
  /** 128 + signal number when a signal ended it, as a container runtime reports it. */
  readonly exitCode: number;
  readonly finishedAt: string;
}

/** The program could not be started at all. */
export class StartError extends Error {
  override readonly name = "StartError";
}

// The trap keeps the shell alive through signals to its group; a caught signal is reset to default in the child. The
// shell itself records who the child is, so that a kubelet killed at this very moment still finds it.
const shim = `trap : TERM INT HUP
eval "$SERVAL_SHIM_LIMITS"
log=$1 base=$2; shift 2
unset SERVAL_SHIM_LIMITS
"$@" </dev/null >>"$log" 2>&1 3>&- &
child=$!
identity=
if [ -r "/proc/$child/stat" ]; then IFS= read -r identity <"/proc/$child/stat"; else identity=$(ps -o lstart= -p "$child"); fi
printf '%s %s\\n%s\\n' "$child" "$$" "$identity" >"$base.pid.new" && mv "$base.pid.new" "$base.pid"
echo >&3; exec 3>&-
while :; do wait "$child"; code=$?; kill -0 "$child" 2>/dev/null || break; done
echo "$code" >"$base.exit.new" && mv "$base.exit.new" "$base.exit"`;

const logPath = (dir: string, restart: number): string => join(dir, `${restart}.log`);
const basePath = (dir: string, restart: number): string => join(dir, String(restart));

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

/** @throws StartError in the words of a container runtime. */
async function findProgram(program: string, { env, cwd }: Pick<Launch, "env" | "cwd">): Promise<void> {
  const candidates = program.includes("/")
    ? [program.startsWith("/") ? program : join(cwd, program)]
    : (env["PATH"] ?? "").split(delimiter).map((dir) => join(dir, program));
  for (const candidate of candidates) if (await isExecutable(candidate)) return;
  throw new StartError(
    `exec: "${program}": ${program.includes("/") ? "no such executable file" : "executable file not found in $PATH"}`,
  );
}

/** Resolves when the shell has recorded the child. */
const childRecorded = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    const stream = child.stdio[3] as NodeJS.ReadableStream;
    stream.on("data", () => resolve());
    stream.on("end", () => reject(new StartError("the process ended before it could be started")));
    child.on("error", (error) => reject(new StartError(error.message)));
  });

/** Starts the process; when this returns it is on record on disk. @throws StartError */
export async function startProcess(launch: Launch): Promise<RunningProcess> {
  const { dir, restart, argv, cwd } = launch;
  await mkdir(dir, { recursive: true });
  await mkdir(cwd, { recursive: true });
  await findProgram(argv[0] ?? "", launch);
  await (await open(logPath(dir, restart), "a")).close();
  const child = spawn("/bin/sh", ["-c", shim, "serval-pod", logPath(dir, restart), basePath(dir, restart), ...argv], {
    cwd,
    env: { ...launch.env, SERVAL_SHIM_LIMITS: launch.limits.shell },
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  await childRecorded(child);
  child.unref();
  const record = await readRecord(dir, restart);
  if (record === undefined) throw new StartError(`the process left no record in "${dir}"`);
  return record;
}

/** What is on disk about a container's start number `restart`; undefined when that start never happened. */
export async function readRecord(dir: string, restart: number): Promise<RunningProcess | undefined> {
  const path = `${basePath(dir, restart)}.pid`;
  const [text, found] = await Promise.all([
    readFile(path, "utf8").catch(() => undefined),
    stat(path).catch(() => undefined),
  ]);
  if (text === undefined || found === undefined) return undefined;
  const [ids = "", identity = ""] = text.split("\n");
  const [pid, groupId] = ids.split(" ").map(Number) as [number, number];
  return { pid, groupId, startTime: startTimeFrom(identity), startedAt: found.mtime.toISOString(), restart };
}

export async function readExit(dir: string, restart: number): Promise<ProcessExit | undefined> {
  const path = `${basePath(dir, restart)}.exit`;
  const [text, found] = await Promise.all([
    readFile(path, "utf8").catch(() => undefined),
    stat(path).catch(() => undefined),
  ]);
  if (text === undefined || found === undefined) return undefined;
  return { exitCode: Number(text.trim()), finishedAt: found.mtime.toISOString() };
}

/**
 * Resolves when the process has ended, with its exit code; 137 when even its shell was killed (nobody wrote a code).
 * Works for processes of an earlier kubelet too.
 */
export async function waitForExit(
  dir: string,
  running: RunningProcess,
  signal: AbortSignal,
): Promise<ProcessExit | undefined> {
  let wake = Promise.withResolvers<void>();
  const stop = (): void => wake.resolve();
  const watcher = watch(dir, stop);
  // The exit file is the event; the poll is for a shell that was killed and so wrote none.
  const poll = setInterval(stop, 500);
  signal.addEventListener("abort", stop);
  let polls = 0;
  try {
    while (!signal.aborted) {
      const exit = await readExit(dir, running.restart);
      if (exit !== undefined) return exit;
      const isAlive = await isSameProcess(running.pid, running.startTime);
      if (isAlive) polls = 0;
      else if (++polls > 4) return { exitCode: 137, finishedAt: new Date().toISOString() };
      await wake.promise;
      wake = Promise.withResolvers<void>();
    }
    return undefined;
  } finally {
    watcher.close();
    clearInterval(poll);
    signal.removeEventListener("abort", stop);
  }
}

/** SIGTERM to the process itself, as a container runtime does; its children are its own affair until SIGKILL. */
export async function terminate(running: RunningProcess): Promise<void> {
  if (await isSameProcess(running.pid, running.startTime)) signalProcess(running.pid, "SIGTERM");
}

/** SIGKILL to the process first (the shell then records the code), then to all that it left behind. */
export async function killProcess(running: RunningProcess): Promise<void> {
  if (await isSameProcess(running.pid, running.startTime)) signalProcess(running.pid, "SIGKILL");
}

/** What the process left running in its group. */
export async function killGroup(running: RunningProcess): Promise<void> {
  signalProcess(-running.groupId, "SIGKILL");
}
