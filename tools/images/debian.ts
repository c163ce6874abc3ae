// SPDX-License-Identifier: Apache-2.0
// Debian packages, downloaded by apt (which checks their signatures) into a state of its own, so that the machine's own
// is not touched and root is not needed, and unpacked by dpkg-deb without running anything of them.
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "./command.ts";
import type { Platform } from "./platform.ts";

const fix =
  "build on Debian or Ubuntu (their apt-get and dpkg-deb fetch and unpack the C library), or in a container of debian:stable-slim";
const listsAreFreshMs = 24 * 60 * 60 * 1000;

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** Of the .deb file, hexadecimal; apt has checked it. */
  readonly sha256: string;
  /** The package's own record, as dpkg keeps it. */
  readonly control: string;
  /** Where it is unpacked. */
  readonly folder: string;
}

interface Apt {
  readonly dir: string;
  /** apt-get, one at a time, in a folder below `dir`. */
  readonly run: (folder: string, ...args: string[]) => Promise<string>;
}

async function openApt(platform: Platform, cacheDir: string): Promise<Apt> {
  const dir = join(cacheDir, "debian", platform.architecture);
  for (const folder of ["state/lists/partial", "cache/archives/partial", "debs", "unpacked"])
    await mkdir(join(dir, folder), { recursive: true });
  const settings = {
    "APT::Architecture": platform.architecture,
    "APT::Architectures": platform.architecture,
    // As root, apt would download as another user, who may not write here.
    "APT::Sandbox::User": "root",
    "Dir::State": join(dir, "state"),
    "Dir::State::status": "/dev/null",
    "Dir::Cache": join(dir, "cache"),
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  const run: Apt["run"] = (folder, ...args) =>
    runCommand("flock", [join(dir, "lock"), "apt-get", ...args, ...options], { cwd: join(dir, folder), fix });
  return { dir, run };
}

async function refresh({ dir, run }: Apt, say: (line: string) => void): Promise<void> {
  const lists = join(dir, "state/lists");
  const names = (await readdir(lists)).filter((name) => name.endsWith("Release"));
  const times = await Promise.all([stat(lists), ...names.map((name) => stat(join(lists, name)))]);
  const isFresh = names.length > 0 && Date.now() - Math.max(...times.map(({ mtimeMs }) => mtimeMs)) < listsAreFreshMs;
  if (isFresh) return;
  try {
    await run(".", "update", "-q");
  } catch (error) {
    if (names.length === 0) throw error;
    say(`apt-get update failed; the package lists of the last build are used`);
  }
}

const download = /^'[^']+' (\S+) \d+ SHA256:([0-9a-f]{64})$/gm;

async function unpacked(apt: Apt, file: string, sha256: string): Promise<DebianPackage> {
  const deb = join(apt.dir, "debs", file);
  const control = await runCommand("dpkg-deb", ["-f", deb], { fix });
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, "m").exec(control)?.[1] ?? "";
  const folder = join(apt.dir, "unpacked", sha256);
  if (!existsSync(folder)) {
    const staging = `${folder}.${process.pid}`;
    try {
      await runCommand("dpkg-deb", ["-x", deb, staging], { fix });
      await rename(staging, folder);
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }
  return {
    name: field("Package"),
    version: field("Version"),
    architecture: field("Architecture"),
    sha256,
    control,
    folder,
  };
}

/**
 * The newest version that this machine's package sources have of each package, unpacked in the cache.
 *
 * @throws Error where apt-get or dpkg-deb is missing, or a package is unknown to the sources.
 */
export async function debianPackages(
  names: readonly string[],
  options: { readonly platform: Platform; readonly cacheDir: string; readonly say: (line: string) => void },
): Promise<DebianPackage[]> {
  const apt = await openApt(options.platform, options.cacheDir);
  await refresh(apt, options.say);
  // Elsewhere than where the files go: of what is there already, apt would say nothing.
  const offers = [...(await apt.run("state", "download", "--print-uris", ...names)).matchAll(download)];
  const isComplete = offers.every(([, file]) => existsSync(join(apt.dir, "debs", file!)));
  if (!isComplete) await apt.run("debs", "download", "-q", ...names);
  if (offers.length !== names.length)
    throw new Error(`Cannot build the images: apt knows ${offers.length} of ${names.join(", ")}\nFix: ${fix}`);
  const found = await Promise.all(offers.map(([, file, sha256]) => unpacked(apt, file!, sha256!)));
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}
