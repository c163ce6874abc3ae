// SPDX-License-Identifier: Apache-2.0
// Objects from YAML or JSON files, with errors that name file and document.
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { AnyObject } from "@serval/api";
import { parseAllDocuments } from "yaml";
import { CommandError } from "./command.ts";

export interface Manifest {
  readonly file: string;
  readonly object: AnyObject;
}

async function readStdin(): Promise<string> {
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  return text;
}

const isManifestName = (name: string): boolean => /\.(ya?ml|json)$/.test(name);

function check(value: unknown, file: string, index: number): AnyObject {
  const object = value as Partial<AnyObject> | null;
  const where = `${file}, document ${index + 1}`;
  if (object === null || typeof object !== "object")
    throw new CommandError(`${where}: not an object\nFix: every document needs apiVersion, kind and metadata`);
  for (const field of ["apiVersion", "kind"] as const) {
    if (typeof object[field] !== "string")
      throw new CommandError(
        `${where}: ${field} is missing\nFix: an InferenceService starts with apiVersion: serving.kserve.io/v1beta1 and kind: InferenceService`,
      );
  }
  if (typeof object.metadata?.name !== "string") throw new CommandError(`${where}: metadata.name is missing`);
  return object as AnyObject;
}

/** Objects of one text; `List` kinds are opened. */
export function parseManifests(text: string, file: string): Manifest[] {
  const documents = parseAllDocuments(text);
  return documents.flatMap((document, index) => {
    const problem = document.errors[0];
    if (problem !== undefined) throw new CommandError(`${file}, document ${index + 1}: ${problem.message}`);
    const value = document.toJS() as { kind?: string; items?: unknown[] } | null;
    if (value === null) return [];
    const values = value.kind?.endsWith("List") === true && Array.isArray(value.items) ? value.items : [value];
    return values.map((item) => ({ file, object: check(item, file, index) }));
  });
}

/** Files of a folder are read in order of their names. */
export async function readManifests(path: string): Promise<Manifest[]> {
  if (path === "-") return parseManifests(await readStdin(), "stdin");
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new CommandError(`Cannot read "${path}": no such file or folder`);
  if (!found.isDirectory()) return parseManifests(await readFile(path, "utf8"), path);
  const names = (await readdir(path)).filter(isManifestName).sort();
  const lists = await Promise.all(
    names.map(async (name) => parseManifests(await readFile(join(path, name), "utf8"), join(path, name))),
  );
  return lists.flat();
}
