// SPDX-License-Identifier: Apache-2.0
// Ends every pod process of a data directory without a kubelet: for `serval down` after the control plane was killed,
// and for a pod whose object is gone.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { podFiles } from "./pod-state.ts";
import { logNumbers, readExit, settleStart } from "./process-files.ts";
import { isSameProcess } from "./process-identity.ts";
import { killGroup, killProcess, terminate, waitForExit } from "./process-runner.ts";

const graceMs = 3_000;

/** @returns whether a process was running. */
async function endContainer(dir: string): Promise<boolean> {
  const latest = (await logNumbers(dir)).at(-1);
  const running = latest === undefined ? undefined : await settleStart(dir, latest);
  if (running === undefined || (await readExit(dir, running.restart)) !== undefined) return false;
  if (!(await isSameProcess(running.pid, running.startTime))) return false;
  await terminate(running);
  const timer = setTimeout(() => void killProcess(running), graceMs);
  await waitForExit(dir, running, AbortSignal.timeout(graceMs * 3));
  clearTimeout(timer);
  await killGroup(running);
  return true;
}

/** Ends the processes of one pod. @returns how many ran. */
export async function endPod(podsDir: string, uid: string): Promise<number> {
  const files = podFiles(podsDir, uid);
  const names = await readdir(join(files.dir, "containers")).catch(() => [] as string[]);
  const ended = await Promise.all(names.map((name) => endContainer(files.containerDir(name))));
  return ended.filter(Boolean).length;
}

/** @returns how many processes ran below `<dataDir>/pods`. */
export async function endPods(dataDir: string): Promise<number> {
  const podsDir = join(dataDir, "pods");
  const uids = await readdir(podsDir).catch(() => [] as string[]);
  const counts = await Promise.all(uids.map((uid) => endPod(podsDir, uid)));
  return counts.reduce((sum, count) => sum + count, 0);
}
