// SPDX-License-Identifier: Apache-2.0
// The first program inside a cluster's namespaces: brings the cluster up, runs a command in it, ends with its exit code.
//   inside.ts DIR IMAGES.json [COMMAND …]     Without a command the cluster stays until it is ended from outside.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { clusterVariable, readyFile, type StartInput } from "./entry.ts";
import { layoutOf } from "./layout.ts";
import { bringUp } from "./node.ts";

async function main(dir: string, command: readonly string[]): Promise<number> {
  const { facts, images } = JSON.parse(await readFile(join(dir, "start.json"), "utf8")) as StartInput;
  const startedAt = performance.now();
  await bringUp({ layout: layoutOf(dir), facts }, images);
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(`A real Kubernetes is up after ${seconds.toFixed(1)} s (${dir})`);
  await writeFile(join(dir, readyFile), String(seconds));
  const [name, ...args] = command;
  // Nothing else is to be done; process 1 ends when this does.
  if (name === undefined) await new Promise((resolve) => setInterval(resolve, 2 ** 30).ref());
  const env = {
    ...process.env,
    [clusterVariable]: dir,
    SERVAL_TEST_FIGURES: "1",
    KUBECONFIG: layoutOf(dir).kubeconfig,
  };
  const child = spawn(name as string, args, { stdio: "inherit", env });
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return signal === null ? (code ?? 1) : 128 + constants.signals[signal];
}

const [dir, ...command] = process.argv.slice(2);
process.exitCode = await main(dir as string, command).catch((error: Error) => {
  console.error(error.message);
  return 1;
});
