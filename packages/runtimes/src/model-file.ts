// SPDX-License-Identifier: Apache-2.0
// Finds the one model file of a model directory by its endings, as KServe's servers do, and reads it with clear errors.
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ModelError } from "./model.ts";

/** Exactly one regular file with one of the endings, in the top directory (or the path is that file itself). */
export async function findModelFile(path: string, endings: readonly string[]): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined)
    throw new ModelError(
      `Cannot load the model: ${path} does not exist; check storageUri and what the storage initializer wrote`,
    );
  if (found.isFile()) return path;
  const names = (await readdir(path, { withFileTypes: true }))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  const matching = names.filter((name) => endings.some((ending) => name.toLowerCase().endsWith(ending)));
  if (matching.length === 1) return join(path, matching[0]!);
  const listing =
    names.length === 0 ? "it is empty" : `it holds ${names.slice(0, 10).join(", ")}${names.length > 10 ? ", ..." : ""}`;
  if (matching.length === 0) {
    throw new ModelError(
      `Cannot load the model: no ${endings.join(", ")} file in ${path}; ${listing}. Point storageUri at the folder of the model file, or set the modelFormat that matches the file`,
    );
  }
  throw new ModelError(
    `Cannot load the model: more than one model file is in ${path} (${matching.join(", ")}) and only one is allowed; keep one of them`,
  );
}

export async function readModelFile(file: string): Promise<Uint8Array> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new ModelError(
      `Cannot load the model: reading ${file} failed (${error instanceof Error ? error.message : String(error)})`,
    );
  });
  if (bytes.byteLength === 0) throw new ModelError(`Cannot load the model: ${file} is empty; upload it again`);
  return bytes;
}
