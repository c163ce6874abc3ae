// SPDX-License-Identifier: Apache-2.0
// `npm test`: set-up, then the project's tests. `--cluster`: those against a real kube-apiserver instead.
// Further arguments are test files or globs.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { environmentFor, install, root } from "./install.mjs";

const args = process.argv.slice(2);
const isCluster = args.includes("--cluster");
const named = args.filter((arg) => !arg.startsWith("--"));
const everyday = [
  "packages/*/src/**/*.test.ts",
  "tools/**/*.test.ts",
  "bench/**/*.test.ts",
  "test/e2e/**/*.test.ts",
  "test/compat/**/*.test.ts",
  "test/operator/**/*.test.ts",
  "test/golden/**/*.test.ts",
];
const cluster = ["test/cluster/**/*.test.ts", "test/takeover/**/*.test.ts"];

try {
  const node = install({ withDev: true, say: (line) => console.log(line) });
  const files = named.length > 0 ? named : isCluster ? cluster : everyday;
  // The bootstrap's own tests are plain JavaScript.
  const flags = [
    "--test",
    "--test-concurrency=2",
    "--test-timeout=300000",
    `--test-reporter=${join(root, "tools/test-reporter.mjs")}`,
    "--test-reporter-destination=stdout",
    "--disable-warning=ExperimentalWarning",
  ];
  if (!existsSync(join(root, "packages"))) throw new Error("Run this in a clone of the repository.");
  const { status, signal } = spawnSync(node, [...flags, ...files], {
    cwd: root,
    stdio: "inherit",
    env: environmentFor(node),
  });
  process.exitCode = signal === null ? (status ?? 1) : 128 + constants.signals[signal];
} catch (error) {
  console.error(error.message);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
}
