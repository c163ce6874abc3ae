// SPDX-License-Identifier: Apache-2.0
// Files of a layer before they are packed: folders, links and files from disk or from memory. Owners and times are not
// kept: an image has those of nobody's machine.
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { posix } from "node:path";

/** The user that every image runs as: by number, so that `runAsNonRoot` can be checked before a container starts. */
export const nonRoot = 65_532;

/** `path`: below the root of the image, without a slash at its beginning. */
export type Entry =
  | { readonly path: string; readonly kind: "folder"; readonly mode?: number; readonly owner?: number }
  | { readonly path: string; readonly kind: "link"; readonly target: string }
  | {
      readonly path: string;
      readonly kind: "file";
      readonly isExecutable?: boolean;
      /** A path on this machine, or the content itself. */
      readonly content: string | Buffer;
    };

export const textFile = (path: string, text: string): Entry => ({
  path,
  kind: "file",
  content: Buffer.from(text, "utf8"),
});

/**
 * All that lies below a folder of this machine, as entries below `at`.
 *
 * @param keeps asked for every file and link, by its path relative to the folder.
 */
export function folderEntries(folder: string, at: string, keeps: (path: string) => boolean = () => true): Entry[] {
  const entries: Entry[] = [];
  for (const found of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const real = posix.join(found.parentPath, found.name);
    const inner = posix.relative(folder, real);
    const path = at === "" ? inner : posix.join(at, inner);
    if (found.isDirectory() || !keeps(inner)) continue;
    if (found.isSymbolicLink()) entries.push({ path, kind: "link", target: readlinkSync(real) });
    else if (found.isFile())
      entries.push({ path, kind: "file", isExecutable: (lstatSync(real).mode & 0o111) !== 0, content: real });
  }
  return entries;
}

/** Sorted by path, every parent folder named once and before what it holds. @throws Error for a path that is there twice. */
export function completed(entries: readonly Entry[]): Entry[] {
  const byPath = new Map<string, Entry>();
  for (const entry of entries) {
    if (byPath.has(entry.path) && entry.kind !== "folder")
      throw new Error(`Cannot make a layer: two files claim /${entry.path}`);
    byPath.set(entry.path, entry);
  }
  for (const { path } of entries)
    for (let parent = posix.dirname(path); parent !== "."; parent = posix.dirname(parent))
      if (!byPath.has(parent)) byPath.set(parent, { path: parent, kind: "folder" });
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
