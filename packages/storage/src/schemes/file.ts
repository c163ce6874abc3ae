// SPDX-License-Identifier: Apache-2.0
// file:// and plain paths: what is on this machine already, a folder or a file.
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { FetchError } from "../errors.ts";
import type { SourceFile, StorageScheme } from "../scheme.ts";

/** `file:///a b`, `file:///a%20b` and `/a b` are all accepted. @throws FetchError for a host that is not this one. */
export function parseFileUri(uri: string): string {
  if (!uri.startsWith("file:")) return uri;
  try {
    return fileURLToPath(uri);
  } catch (cause) {
    throw new FetchError(`Cannot read '${uri}': ${(cause as Error).message}`, {
      fix: "Write three slashes: file:///PATH",
      cause,
    });
  }
}

/** @throws FetchError when nothing is there. */
export async function existingPath(path: string, uri: string): Promise<string> {
  const problem = await stat(path).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error,
  );
  if (problem === undefined) return path;
  const isDenied = problem.code === "EACCES" || problem.code === "EPERM";
  throw new FetchError(
    isDenied ? `Local path ${uri} may not be read: permission denied.` : `Local path ${uri} does not exist.`,
    {
      fix: isDenied
        ? `Let user ${process.getuid?.() ?? "of this process"} read it`
        : "Check storageUri; a path is looked up on the machine that runs the pod",
      cause: problem,
    },
  );
}

export async function* listPath(path: string): AsyncIterable<SourceFile> {
  const found = await stat(path);
  const names = found.isFile()
    ? [path]
    : (await readdir(path, { recursive: true, withFileTypes: true }))
        .filter((entry) => !entry.isDirectory())
        .map((entry) => join(entry.parentPath, entry.name));
  for (const name of names) {
    const { size, mtimeMs } = await stat(name);
    const path_ = found.isFile() ? basename(name) : relative(path, name);
    yield { path: path_, sizeBytes: size, version: String(mtimeMs), hasRanges: true, locator: name };
  }
}

export const file: StorageScheme = {
  name: "file",
  prefixes: ["file://", "/", "./", "../"],
  secretKeys: {},
  list: (uri) => listPath(parseFileUri(uri)),
  open: async ({ locator }, range) => ({
    stream: createReadStream(locator, range === undefined ? {} : { start: range.start, end: range.end - 1 }),
    isGzip: false,
  }),
  localPath: (uri) => existingPath(parseFileUri(uri), uri),
};
