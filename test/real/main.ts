// SPDX-License-Identifier: Apache-2.0
// `npm run test:cluster [FILE …]`: a real Kubernetes with real pods on this machine, the stories in it, then nothing of
// it left. Where the machine cannot, one line says why and the exit code is 0; with --required it is 1.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startNamespaces } from "./cluster/entry.ts";
import { imageArchives } from "./cluster/images.ts";
import { clusterCommands, whyNoCluster } from "./cluster/machine.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** All stories. Each can run alone and in any order: what it needs installed, it installs. */
async function stories(): Promise<string[]> {
  const names = await readdir(join(root, "test/real"));
  return names.filter((name) => name.endsWith(".test.ts")).map((name) => `test/real/${name}`);
}

function skipped(files: readonly string[], reason: string, isRequired: boolean): number {
  console.log(`- skipped ${files.length}: ${reason}`);
  const counts = isRequired ? [0, files.length, 0] : [0, 0, files.length];
  console.log(`${counts[0]} passed, ${counts[1]} failed, ${counts[2]} skipped`);
  return isRequired ? 1 : 0;
}

const testRun = (files: readonly string[]): string[] => [
  process.execPath,
  "--test",
  "--test-concurrency=1",
  "--test-timeout=300000",
  `--test-reporter=${join(root, "tools/test-reporter.mjs")}`,
  "--test-reporter-destination=stdout",
  "--disable-warning=ExperimentalWarning",
  ...files,
];

async function main(args: readonly string[]): Promise<number> {
  const named = args.filter((arg) => !arg.startsWith("--"));
  const files = named.length > 0 ? named : await stories();
  const isRequired = args.includes("--required");
  const reason = await whyNoCluster();
  if (reason !== undefined) return skipped(files, reason, isRequired);
  const facts = await clusterCommands(["traefik"]);
  if (typeof facts === "string") return skipped(files, facts.slice("skip: ".length), isRequired);
  const images = await imageArchives(facts.others);
  const namespaces = await startNamespaces({ facts, images, command: testRun(files.map((file) => join(root, file))) });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => void namespaces.end());
  return namespaces.ended;
}

process.exitCode = await main(process.argv.slice(2));
