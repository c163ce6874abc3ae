// SPDX-License-Identifier: Apache-2.0
// Files whose content comes from objects, as kubelet lays them out: a folder with a time in its name holds one version,
// `..data` links to it, and every file is a link through `..data`. A change swaps that one link, so that a reader sees
// either all of the old files or all of the new.
// Source: k8s.io/kubernetes/pkg/volume/util/atomic_writer.go
import { chmod, lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export interface PublishedFile {
  /** Inside the volume; never begins with `..`. */
  readonly path: string;
  readonly content: string | Buffer;
  readonly mode: number;
}

const dataLink = "..data";

async function isCurrent(dir: string, files: readonly PublishedFile[]): Promise<boolean> {
  const shown = (await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => [])).filter((entry) =>
    entry.isFile(),
  );
  if (shown.length !== files.length) return false;
  for (const { path, content, mode } of files) {
    const full = join(dir, path);
    const [found, about] = await Promise.all([
      readFile(full).catch(() => undefined),
      lstat(full).catch(() => undefined),
    ]);
    if (found === undefined || !found.equals(Buffer.from(content)) || ((about?.mode ?? 0) & 0o777) !== mode)
      return false;
  }
  return true;
}

async function swapLink(link: string, target: string): Promise<void> {
  const temporary = `${link}_tmp`;
  await rm(temporary, { force: true });
  await symlink(target, temporary);
  await rename(temporary, link);
}

/** First parts of the paths: what the volume's own folder shows. */
const topLevel = (files: readonly PublishedFile[]): Set<string> =>
  new Set(files.map(({ path }) => path.split("/")[0] as string));

/** @returns whether anything changed. */
export async function publishFiles(dir: string, files: readonly PublishedFile[]): Promise<boolean> {
  await mkdir(dir, { recursive: true });
  const before = await readlink(join(dir, dataLink)).catch(() => undefined);
  if (before !== undefined && (await isCurrent(join(dir, before), files))) return false;
  const version = `..${new Date().toISOString().replaceAll(/[-:]/g, "_")}.${process.hrtime.bigint()}`;
  await mkdir(join(dir, version), { recursive: true });
  for (const { path, content, mode } of files) {
    const full = join(dir, version, path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, content, { mode });
    // The process's umask may have taken bits away.
    await chmod(full, mode);
  }
  await swapLink(join(dir, dataLink), version);
  const shown = topLevel(files);
  for (const name of shown) {
    const target = join(dataLink, name);
    if ((await readlink(join(dir, name)).catch(() => undefined)) === target) continue;
    await rm(join(dir, name), { recursive: true, force: true });
    await symlink(target, join(dir, name));
  }
  for (const name of await readdir(dir)) {
    const isOld = name.startsWith("..") ? name !== dataLink && name !== version : !shown.has(name);
    if (isOld) await rm(join(dir, name), { recursive: true, force: true });
  }
  return true;
}
