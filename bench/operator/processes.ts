// SPDX-License-Identifier: Apache-2.0
// An operator as a process, and what Linux knows about processes: processor time and memory.
import { spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { until } from "./control-plane.ts";

/** USER_HZ: fixed to 100 in Linux's interface to programs. */
const ticksPerSecond = 100;
const sampleMs = 250;

/** User and system time so far. */
export async function cpuSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** What all processors of the machine worked so far, idle and waiting for disks left out. */
export async function machineSeconds(): Promise<number> {
  const [line = ""] = (await readFile("/proc/stat", "utf8")).split("\n");
  const [user = 0, nice = 0, system = 0, _idle, _wait, irq = 0, softirq = 0, steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}

export interface Memory {
  readonly rssMebibytes: number;
  /** The kernel's high-water mark of the process. */
  readonly peakMebibytes: number;
}

export async function memoryOf(pid: number): Promise<Memory> {
  const text = await readFile(`/proc/${pid}/status`, "utf8");
  const mebibytes = (name: string): number =>
    Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]) / 1024);
  return { rssMebibytes: mebibytes("VmRSS"), peakMebibytes: mebibytes("VmHWM") };
}

/** Memory over a span, sampled: the kernel's high-water mark cannot be set back between phases. */
export class MemorySamples {
  #highest = 0;
  readonly #timer: NodeJS.Timeout;
  constructor(pid: number) {
    const sample = async (): Promise<void> => {
      const found = await memoryOf(pid).catch(() => undefined);
      this.#highest = Math.max(this.#highest, found?.rssMebibytes ?? 0);
    };
    void sample();
    this.#timer = setInterval(() => void sample(), sampleMs);
  }
  stop(): number {
    clearInterval(this.#timer);
    return this.#highest;
  }
}

export interface OperatorProcess {
  readonly pid: number;
  readonly startedAt: number;
  readonly secondsToReady: number;
  /** Rejects with the end of its log when it ends by itself; never resolves. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Answers 200 when the operator works. */
  readonly readyUrl: string;
}

/** Resolves when it says that it is ready. @throws Error with the end of its log when it ends instead. */
export async function startProgram(program: Program, dir: string): Promise<OperatorProcess> {
  const logPath = join(dir, "operator.log");
  const log = await open(logPath, "a");
  const startedAt = Date.now();
  const child = spawn(program.command, program.args, {
    stdio: ["ignore", log.fd, log.fd],
    env: { ...process.env, ...program.env },
    cwd: dir,
  });
  await log.close();
  let isStopping = false;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const failed = ended.then(async (): Promise<never> => {
    if (isStopping) return new Promise<never>(() => {});
    throw new Error(`The operator ended by itself:\n${(await readFile(logPath, "utf8")).slice(-3_000)}`);
  });
  failed.catch(() => {});
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const stop = async (): Promise<void> => {
    isStopping = true;
    process.removeListener("exit", kill);
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    await ended;
  };
  const answers = async (): Promise<true | undefined> => {
    const ready = await fetch(program.readyUrl).catch(() => undefined);
    await ready?.body?.cancel();
    return ready?.ok === true ? true : undefined;
  };
  try {
    await Promise.race([failed, until("the operator is ready", answers)]);
  } catch (error) {
    const told = await readFile(logPath, "utf8");
    await stop();
    throw new Error(`The operator did not get ready:\n${told.slice(-3_000)}`, { cause: error });
  }
  const secondsToReady = Number(((Date.now() - startedAt) / 1000).toFixed(2));
  return { pid: child.pid as number, startedAt, secondsToReady, failed, stop };
}
