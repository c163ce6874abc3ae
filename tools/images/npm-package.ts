// SPDX-License-Identifier: Apache-2.0
// Packages of the npm registry that are no dependency of this repository: installed by npm into the cache folder, once,
// without running their scripts.
import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "./command.ts";
import type { Platform } from "./platform.ts";

const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--workspaces=false"];
const fix = "check the network and npm's registry setting, then try again";

/** One entry of npm's lockfile, or of what it says about node_modules. */
export interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly link?: boolean;
}

export const lockedPackages = (file: string): Readonly<Record<string, LockedPackage>> =>
  (JSON.parse(readFileSync(file, "utf8")) as { packages: Record<string, LockedPackage> }).packages;

async function installed(folder: string, fill: (staging: string) => Promise<void>): Promise<string> {
  if (existsSync(folder)) return folder;
  const staging = `${folder}.${process.pid}`;
  try {
    await mkdir(staging, { recursive: true });
    await fill(staging);
    await rename(staging, folder).catch((error: unknown) => {
      // Another build was first; the version is in the folder's name.
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return folder;
}

const npm = async (args: readonly string[], cwd: string): Promise<void> =>
  void (await runCommand("npm", [...args, ...quiet], { cwd, fix }));

/** One package of exactly this version, for a platform that need not be this one. @returns the folder of node_modules' parent. */
export const npmPackage = (name: string, version: string, input: { platform: Platform; cacheDir: string }) =>
  installed(join(input.cacheDir, "npm", `${name.replaceAll("/", "+")}-${version}`), (staging) =>
    npm(
      ["install", "--no-save", `--cpu=${input.platform.cpu}`, "--os=linux", "--libc=glibc", `${name}@${version}`],
      staging,
    ),
  );

/** What a folder with package.json and package-lock.json pins. @returns the folder of node_modules' parent. */
export const npmFolder = (source: string, input: { name: string; cacheDir: string }) =>
  installed(join(input.cacheDir, "npm", input.name), async (staging) => {
    for (const file of ["package.json", "package-lock.json"]) copyFileSync(join(source, file), join(staging, file));
    await npm(["ci"], staging);
  });
