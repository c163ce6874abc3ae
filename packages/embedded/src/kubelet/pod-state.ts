// SPDX-License-Identifier: Apache-2.0
// A pod's own directory and what the kubelet remembers there, so that the next kubelet can go on where this one ended.
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerState } from "./container-state.ts";

export interface PodMemory {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly podIP: string;
  readonly startTime: string;
  readonly failure?: { reason: string; message: string } | undefined;
  readonly containers: readonly ContainerState[];
}

export interface PodFiles {
  readonly dir: string;
  containerDir(name: string): string;
  remember(memory: PodMemory): Promise<void>;
  recall(): Promise<PodMemory | undefined>;
  remove(): Promise<void>;
}

export function podFiles(root: string, uid: string): PodFiles {
  const dir = join(root, uid);
  const path = join(dir, "state.json");
  let tail: Promise<void> = Promise.resolve();
  const write = async (memory: PodMemory): Promise<void> => {
    await mkdir(dir, { recursive: true });
    await writeFile(`${path}.new`, JSON.stringify(memory), { mode: 0o600 });
    await rename(`${path}.new`, path);
  };
  return {
    dir,
    containerDir: (name) => join(dir, "containers", name),
    remember(memory) {
      tail = tail.catch(() => {}).then(() => write(memory));
      return tail;
    },
    async recall() {
      const text = await readFile(path, "utf8").catch(() => undefined);
      try {
        return text === undefined ? undefined : (JSON.parse(text) as PodMemory);
      } catch {
        return undefined;
      }
    },
    async remove() {
      await tail.catch(() => {});
      await rm(dir, { recursive: true, force: true });
    },
  };
}
