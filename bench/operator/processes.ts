// SPDX-License-Identifier: Apache-2.0
// The operator as a process, and what Linux knows about any process: processor time and peak memory.
import { spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "./control-plane.ts";

const serval = fileURLToPath(new URL("../../packages/cli/bin/serval.mjs", import.meta.url));
/** USER_HZ: fixed to 100 in Linux's interface to programs. */
const ticksPerSecond = 100;

/** User and system time so far. */
export async function cpuSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

export async function peakMebibytes(pid: number): Promise<number> {
  const kibibytes = /^VmHWM:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kibibytes) / 1024);
}

export interface OperatorProcess {
  readonly pid: number;
  stop(): Promise<void>;
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

/** Resolves when it says that it is ready. */
export async function startOperatorProcess(kubeconfig: string, dir: string): Promise<OperatorProcess> {
  const port = await freePort();
  const logPath = join(dir, "operator.log");
  const log = await open(logPath, "a");
  const args = ["operator", "--kubeconfig", kubeconfig, "--leader-elect", "false"];
  const child = spawn(process.execPath, [serval, ...args, "--health-probe-addr", `127.0.0.1:${port}`], {
    stdio: ["ignore", log.fd, log.fd],
  });
  await log.close();
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const killed = (): void => void child.kill("SIGKILL");
  process.once("exit", killed);
  await until("the operator is ready", async () => {
    if (child.exitCode !== null) throw new Error(`The operator ended:\n${await readFile(logPath, "utf8")}`);
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    return ready?.ok === true ? true : undefined;
  });
  return {
    pid: child.pid as number,
    async stop() {
      process.removeListener("exit", killed);
      child.kill("SIGTERM");
      await ended;
    },
  };
}
