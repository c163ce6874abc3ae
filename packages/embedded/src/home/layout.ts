// SPDX-License-Identifier: Apache-2.0
// The embedded home on disk: one data directory, and a small file that says who runs it and where it answers.

import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { isSameProcess } from "../kubelet/process-identity.ts";

export interface HomeLayout {
  readonly dataDir: string;
  readonly kubeconfig: string;
  readonly storeDir: string;
  readonly pkiDir: string;
  readonly logDir: string;
  readonly stateFile: string;
}

export function homeLayout(dataDir: string): HomeLayout {
  const root = resolve(dataDir);
  return {
    dataDir: root,
    kubeconfig: join(root, "kubeconfig"),
    storeDir: join(root, "store"),
    pkiDir: join(root, "pki"),
    logDir: join(root, "logs"),
    stateFile: join(root, "home.json"),
  };
}

export interface ProcessId {
  readonly pid: number;
  /** Tells a reused pid from the recorded process. */
  readonly startTime: string;
}

/** Written by the supervisor, read by every command. Ports persist, so that URLs stay the same over restarts. */
export interface HomeState {
  readonly version: string;
  readonly supervisor: ProcessId | undefined;
  readonly controlPlane?: ProcessId | undefined;
  readonly gateway?: ProcessId | undefined;
  readonly apiServerPort: number;
  readonly gatewayPort: number;
  /** Second octet of this home's Service and pod addresses (subnet.ts). */
  readonly octet: number;
  /** URL of the control plane's Prometheus metrics. */
  readonly metrics?: string;
  readonly ready: boolean;
}

export async function readHomeState(layout: HomeLayout): Promise<HomeState | undefined> {
  const text = await readFile(layout.stateFile, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as HomeState;
  } catch {
    return undefined;
  }
}

export async function writeHomeState(layout: HomeLayout, state: HomeState): Promise<void> {
  await mkdir(layout.dataDir, { recursive: true, mode: 0o700 });
  await writeFile(`${layout.stateFile}.new`, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
  await rename(`${layout.stateFile}.new`, layout.stateFile);
}

export const isRunning = async (process: ProcessId | undefined): Promise<boolean> =>
  process !== undefined && (await isSameProcess(process.pid, process.startTime));

/**
 * The data directory that a command means: `--data-dir`, `SERVAL_DATA_DIR`, a `.serval` in this folder or above it,
 * else `~/.serval`.
 */
export function findDataDir(options: { flag: string | undefined; env: NodeJS.ProcessEnv; cwd: string }): string {
  if (options.flag !== undefined) return resolve(options.cwd, options.flag);
  const named = options.env["SERVAL_DATA_DIR"];
  if (named !== undefined && named !== "") return resolve(options.cwd, named);
  for (let dir = resolve(options.cwd); ; dir = dirname(dir)) {
    if (existsSync(join(dir, ".serval", "home.json"))) return join(dir, ".serval");
    if (dirname(dir) === dir) return join(homedir(), ".serval");
  }
}
