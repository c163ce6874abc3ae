// SPDX-License-Identifier: Apache-2.0
// Runs a TypeScript file of the repository under a Node that can: `node tools/run.mjs FILE [ARG …]`.
import { spawnSync } from "node:child_process";
import { constants } from "node:os";
import { environmentFor, install } from "./install.mjs";

const [file, ...args] = process.argv.slice(2);
try {
  const node = install({ withDev: true, say: (line) => console.error(line) });
  const { status, signal } = spawnSync(node, [file, ...args], { stdio: "inherit", env: environmentFor(node) });
  process.exitCode = signal === null ? (status ?? 1) : 128 + constants.signals[signal];
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
