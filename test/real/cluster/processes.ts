// SPDX-License-Identifier: Apache-2.0
// Components as processes that outlive whoever started them: process 1 of the namespaces adopts them, and any test may
// stop and start one.
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ComponentName, componentOf, limits } from "./components.ts";
import { type Facts, type Layout, layoutOf } from "./layout.ts";
import { until } from "./until.ts";

export interface Placed {
  readonly layout: Layout;
  readonly facts: Facts;
}

const pidFile = ({ layout }: Placed, name: string): string => join(layout.pids, name);
export const logFile = ({ layout }: Placed, name: string): string => join(layout.logs, `${name}.log`);

/** @throws Error when the folder holds no cluster. */
export async function placedIn(dir: string): Promise<Placed> {
  const layout = layoutOf(dir);
  return { layout, facts: JSON.parse(await readFile(layout.facts, "utf8")) as Facts };
}

const recordedPid = async (placed: Placed, name: string): Promise<number | undefined> => {
  const text = await readFile(pidFile(placed, name), "utf8").catch(() => "");
  return text === "" ? undefined : Number(text);
};

/** A process that ended and is not waited for yet counts as ended. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/\) [ZX] /.test(stat);
}

export async function isRunning(placed: Placed, name: string): Promise<boolean> {
  const pid = await recordedPid(placed, name);
  return pid !== undefined && isAlive(pid);
}

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts any program beside the components, its output in `logs/NAME.log`. */
export async function startProgram(placed: Placed, name: string, { command, args, env }: Program): Promise<number> {
  await mkdir(placed.layout.logs, { recursive: true });
  await mkdir(placed.layout.pids, { recursive: true });
  const log = openSync(logFile(placed, name), "a");
  try {
    const child = spawn("bash", ["-c", `${limits}; exec "$@"`, "bash", command, ...args], {
      detached: true,
      stdio: ["ignore", log, log],
      env: { ...process.env, ...env },
      cwd: placed.layout.dir,
    });
    child.unref();
    if (child.pid === undefined) throw new Error(`cannot start ${name}`);
    await writeFile(pidFile(placed, name), String(child.pid));
    return child.pid;
  } finally {
    closeSync(log);
  }
}

export async function start(placed: Placed, name: ComponentName): Promise<void> {
  if (!(await isRunning(placed, name)))
    await startProgram(placed, name, componentOf(name, placed.layout, placed.facts));
}

/** Ended when this returns. */
export async function stop(placed: Placed, name: string, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  const pid = await recordedPid(placed, name);
  if (pid !== undefined && (await isAlive(pid))) {
    process.kill(pid, signal);
    await until(`the end of ${name}`, async () => !(await isAlive(pid)));
  }
  await rm(pidFile(placed, name), { force: true });
}

/** The end of what it wrote, for a failure's text. */
export const tailOf = async (placed: Placed, name: string, lines = 12): Promise<string> =>
  (await readFile(logFile(placed, name), "utf8").catch(() => "")).trimEnd().split("\n").slice(-lines).join("\n");
