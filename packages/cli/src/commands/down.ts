// SPDX-License-Identifier: Apache-2.0
// `serval down`: stops the home in this data directory and everything that it started, however it was left.
import { rm } from "node:fs/promises";
import { isRunning, type ProcessId, readHomeState } from "@serval/embedded/home/layout.ts";
import { endPods } from "@serval/embedded/kubelet/end-pods.ts";
import { CommandError, type Invocation, type Io } from "../command.ts";
import { layoutOf } from "../home.ts";

const waitMs = 30_000;

async function end(target: ProcessId | undefined): Promise<void> {
  if (target === undefined || !(await isRunning(target))) return;
  process.kill(target.pid, "SIGTERM");
  const deadline = performance.now() + waitMs;
  while (await isRunning(target)) {
    if (performance.now() > deadline)
      throw new CommandError(
        `Process ${target.pid} did not stop within ${waitMs / 1000} s\nFix: end it with kill -9 ${target.pid}, then run serval down again`,
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const layout = layoutOf(invocation, io);
  const state = await readHomeState(layout);
  const wasUp = await isRunning(state?.supervisor);
  await end(state?.supervisor);
  // After a kill -9 of the supervisor its roles may still run, after one of the control plane its pods do.
  await end(state?.gateway);
  await end(state?.controlPlane);
  const pods = await endPods(layout.dataDir);
  if (invocation.flags["wipe"] === true) {
    await rm(layout.dataDir, { recursive: true, force: true });
    io.out(`Stopped, and deleted ${layout.dataDir}`);
  } else if (wasUp || pods > 0)
    io.out(`Stopped the home in ${layout.dataDir}; its objects and models stay for the next serval up`);
  else io.out(`No embedded home runs in ${layout.dataDir}`);
  return 0;
}
