// SPDX-License-Identifier: Apache-2.0
// `npm start`: set-up, then the embedded home with the quick start's models. Data stays in `.serval` of the clone.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { environmentFor, install, root } from "./install.mjs";

try {
  const node = install({ withDev: false, say: (line) => console.log(line) });
  const args = ["up", "--data-dir", join(root, ".serval"), "--example", "quickstart", ...process.argv.slice(2)];
  const child = spawn(node, [join(root, "packages/cli/bin/serval.mjs"), ...args], {
    stdio: "inherit",
    env: environmentFor(node),
  });
  // The terminal sends Ctrl-C to the whole group; a signal to this process alone is passed on. Either way the child
  // decides when it is done.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
