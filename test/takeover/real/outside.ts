// SPDX-License-Identifier: Apache-2.0
// Starts a real cluster for the story with real pods, and takes it away again.
import { fileURLToPath } from "node:url";
import { startNamespaces } from "../../real/cluster/entry.ts";
import { imageArchives } from "../../real/cluster/images.ts";
import { clusterCommands, whyNoCluster } from "../../real/cluster/machine.ts";

export interface RealRun {
  /** KServe's `cmd/manager`. */
  readonly manager: string;
  readonly services: number;
  /** Folder for what changed. */
  readonly out: string;
}

/** @returns the exit code, or text that says why this machine cannot. */
export async function runReal({ manager, services, out }: RealRun): Promise<number | string> {
  const reason = await whyNoCluster();
  if (reason !== undefined) return reason;
  const facts = await clusterCommands(["traefik"]);
  if (typeof facts === "string") return facts.slice("skip: ".length);
  const images = await imageArchives(facts.others);
  const story = fileURLToPath(new URL("./story.ts", import.meta.url));
  const command = [
    process.execPath,
    "--disable-warning=ExperimentalWarning",
    ...[story, manager, String(services), out],
  ];
  const namespaces = await startNamespaces({ facts, images, command });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => void namespaces.end());
  return namespaces.ended;
}
