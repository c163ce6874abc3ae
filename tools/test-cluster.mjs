// SPDX-License-Identifier: Apache-2.0
// `npm run test:cluster [FILE …] [--required]`: set-up, then the stories on a real Kubernetes with real pods (test/real).
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { environmentFor, install, root } from "./install.mjs";

try {
  const node = install({ withDev: true, say: (line) => console.log(line) });
  const main = join(root, "test/real/main.ts");
  const args = ["--disable-warning=ExperimentalWarning", main, ...process.argv.slice(2)];
  const child = spawn(node, args, { cwd: root, stdio: "inherit", env: environmentFor(node) });
  // The child takes its cluster down first; whoever asks twice asks it again.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.once("exit", (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal];
  });
} catch (error) {
  console.error(error.message);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
}
