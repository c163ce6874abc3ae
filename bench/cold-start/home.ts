// SPDX-License-Identifier: Apache-2.0
// `serval up` as a process that is timed from outside: when its API answers, when its example has answered.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createCluster, loadKubeconfig, remoteTransport } from "@serval/kube";

const serval = fileURLToPath(new URL("../../packages/cli/bin/serval.mjs", import.meta.url));

/** Asks every 10 ms. @returns seconds since `startedAt`. */
export async function secondsUntil(
  startedAt: number,
  test: () => Promise<boolean>,
  timeoutMs = 120_000,
): Promise<number> {
  while (!(await test().catch(() => false))) {
    if (performance.now() - startedAt > timeoutMs) throw new Error(`not within ${timeoutMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return (performance.now() - startedAt) / 1000;
}

export interface TimedHome {
  readonly kubeconfig: string;
  readonly startedAt: number;
  apiReady(): Promise<number>;
  /** Seconds until the line that begins so was printed. */
  line(beginning: string): Promise<number>;
  stop(): Promise<void>;
}

export function startHome(options: { dataDir: string; port: number; example?: string }): TimedHome {
  const { dataDir, port, example } = options;
  const startedAt = performance.now();
  const args = ["up", "--data-dir", dataDir, "--port", String(port)];
  const child: ChildProcess = spawn(
    process.execPath,
    [serval, ...args, ...(example === undefined ? [] : ["--example", example])],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const seen: { text: string; at: number }[] = [];
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (text) =>
    seen.push({ text, at: (performance.now() - startedAt) / 1000 }),
  );
  const kubeconfig = join(dataDir, "kubeconfig");
  return {
    kubeconfig,
    startedAt,
    async apiReady() {
      await secondsUntil(startedAt, async () => existsSync(kubeconfig));
      const cluster = createCluster(remoteTransport(await loadKubeconfig(kubeconfig)), "bench");
      const answers = async (): Promise<boolean> =>
        (await cluster.transport.send({ method: "GET", path: "/readyz" })).status === 200;
      const seconds = await secondsUntil(startedAt, answers);
      await cluster[Symbol.asyncDispose]();
      return seconds;
    },
    async line(beginning) {
      const find = () => seen.find(({ text }) => text.trimStart().startsWith(beginning));
      await secondsUntil(startedAt, async () => find() !== undefined);
      return find()?.at as number;
    },
    async stop() {
      const ended = once(child, "exit");
      if (child.exitCode === null && child.kill("SIGINT")) await ended;
    },
  };
}
