// SPDX-License-Identifier: Apache-2.0
// Wires `serval serve` to a real process: signals, clock, ids, log lines on stdout. No logic.
import { randomUUID } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { leaveOf, serve } from "./serve.ts";

const startedAt = (): string => new Date().toISOString();

/** One JSON object per line. */
export function logLine(
  level: "info" | "warn" | "error",
  message: string,
  fields: Readonly<Record<string, unknown>> = {},
): void {
  process.stdout.write(`${JSON.stringify({ time: startedAt(), level, message, ...fields })}\n`);
}

export async function runServe(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) process.once(signal, abort);
  return serve(argv, {
    env,
    stop: stop.signal,
    leave: leaveOf(env),
    uuid: randomUUID,
    now: () => performance.now(),
    wallClock: Date.now,
    log: logLine,
    engineDir: async (engine) => {
      const { ensureEngine } = await import("@serval/runtimes/engines.ts");
      const cacheDir = env["SERVAL_CACHE_DIR"] ?? join(env["HOME"] ?? homedir(), ".cache", "serval");
      const { dir } = await ensureEngine(engine, { cacheDir, onProgress: ({ message }) => logLine("info", message) });
      return dir;
    },
  });
}
