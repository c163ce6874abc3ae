// SPDX-License-Identifier: Apache-2.0
// Which sources an image is built from: the commit and its time, or SOURCE_DATE_EPOCH (reproducible-builds.org), and
// neither where the work tree differs from every commit.
import { release } from "@serval/api";
import { runCommand } from "./command.ts";
import type { Provenance } from "./image.ts";

const fix = "build without git: revision and date are then left out";

async function commit(root: string): Promise<{ revision: string; seconds: number } | undefined> {
  try {
    const changed = await runCommand("git", ["status", "--porcelain"], { cwd: root, fix });
    if (changed !== "") return undefined;
    const [revision, seconds] = (
      await runCommand("git", ["show", "-s", "--format=%H %ct", "HEAD"], { cwd: root, fix })
    ).split(" ");
    return { revision: revision!, seconds: Number(seconds) };
  } catch {
    return undefined;
  }
}

export async function provenanceOf(root: string, env: NodeJS.ProcessEnv): Promise<Provenance> {
  const known = await commit(root);
  const seconds = Number(env["SOURCE_DATE_EPOCH"] ?? known?.seconds ?? 0);
  return {
    version: release,
    revision: known?.revision,
    created: new Date(seconds * 1000).toISOString().replace(".000Z", "Z"),
  };
}
