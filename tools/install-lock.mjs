// SPDX-License-Identifier: Apache-2.0
// One installation of the clone at a time: two of npm's in one folder delete each other's files. Plain JavaScript, because
// it runs before anything is installed.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const pollMs = 200;
const pause = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pollMs);

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Who made it; undefined: it is being made or removed in this moment. */
function holderOf(folder) {
  try {
    const pid = Number(readFileSync(join(folder, "pid"), "utf8"));
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Runs `work` while no other process does, and waits for one that does. What a process that ended left behind is removed.
 *
 * @template T
 * @param {string} folder made while `work` runs
 * @param {() => T} work
 * @returns {T}
 */
export function alone(folder, work) {
  for (let unknown = 0; ; ) {
    try {
      mkdirSync(folder);
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const holder = holderOf(folder);
    // A process that was killed between making the folder and writing its name is waited for a while only.
    unknown = holder === undefined ? unknown + 1 : 0;
    if ((holder !== undefined && !isRunning(holder)) || unknown > 25) rmSync(folder, { recursive: true, force: true });
    else pause();
  }
  try {
    writeFileSync(join(folder, "pid"), String(process.pid));
    return work();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
