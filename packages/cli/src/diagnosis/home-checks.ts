// SPDX-License-Identifier: Apache-2.0
// What an embedded home depends on: its processes, its disk, and the engine for language models.
import { readdir, statfs } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type HomeLayout, type HomeState, isRunning } from "@serval/embedded/home/layout.ts";
import { broken, type Check, findingOf, fine } from "./finding.ts";

const patienceMs = 3_000;
const leastFreeBytes = 2 * 2 ** 30;

async function controlPlane({ controlPlane: process, ready }: HomeState): Promise<Check> {
  if (!(await isRunning(process)))
    return broken(
      "Control plane",
      "does not run",
      findingOf("OperatorMissing", "The home's control plane, which holds the operator, does not run", {
        fix: "Start it with serval up; its log is in logs/ of the home",
      }),
    );
  return fine("Control plane", ready ? "runs" : "starting");
}

async function gateway({ gatewayPort }: HomeState): Promise<Check> {
  const url = `http://127.0.0.1:${gatewayPort}`;
  const answer = await fetch(`${url}/-/readyz`, { signal: AbortSignal.timeout(patienceMs) }).catch(
    (error: Error) => error,
  );
  if (!(answer instanceof Error) && answer.ok) return fine("Gateway", url);
  const why = answer instanceof Error ? answer.message : await answer.text();
  return broken("Gateway", "not ready", findingOf("GatewayProcessDown", `${url} does not answer: ${why}`));
}

const inGigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

async function disk({ dataDir }: HomeLayout): Promise<Check> {
  const { bavail, bsize } = await statfs(dataDir);
  const free = bavail * bsize;
  if (free >= leastFreeBytes) return fine("Disk", `${inGigabytes(free)} free`);
  return broken("Disk", "nearly full", findingOf("DiskLow", `${dataDir} has ${inGigabytes(free)} left`));
}

async function engine(cacheDir: string): Promise<Check> {
  const names = await readdir(join(cacheDir, "engines")).catch(() => []);
  const isThere = names.some((name) => /^llama-[\d.]+$/.test(name));
  return fine("llama engine", isThere ? "installed" : "not installed (fetched when the first GGUF model needs it)");
}

export async function checkHome(layout: HomeLayout, state: HomeState, env: NodeJS.ProcessEnv): Promise<Check[]> {
  const cacheDir = env["SERVAL_CACHE_DIR"] ?? join(homedir(), ".cache", "serval");
  return [await controlPlane(state), await gateway(state), await disk(layout), await engine(cacheDir)];
}
