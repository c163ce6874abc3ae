// SPDX-License-Identifier: Apache-2.0
// The examples of this installation: YAML, and a request for each service. `file:///examples/` in a storageUri is read by
// the home's kubelet as the examples folder of the installation, so the same files work with kubectl.
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { CommandError, nearest } from "./command.ts";
import { type Manifest, readManifests } from "./manifests.ts";

export interface Example {
  readonly name: string;
  readonly manifests: readonly Manifest[];
  /** Request body by service name. */
  readonly requests: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** File of each request, for the commands to try next. */
  readonly requestFiles: ReadonlyMap<string, string>;
}

/** @throws CommandError when there is no example of that name. */
export async function loadExample(root: string, name: string): Promise<Example> {
  const examplesDir = join(root, "examples");
  const dir = join(examplesDir, name);
  const names = (await readdir(examplesDir, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && entry.name !== "models")
    .map((entry) => entry.name);
  if (!names.includes(name)) {
    const close = nearest(name, names);
    throw new CommandError(
      `There is no example "${name}"${close === undefined ? "" : `; did you mean "${close}"?`}\nThere are: ${names.join(", ")}`,
    );
  }
  const manifests = await readManifests(dir);
  const requestsDir = join(dir, "requests");
  const files = (await readdir(requestsDir).catch(() => [])).filter((file) => file.endsWith(".json"));
  const read = async (file: string) =>
    [basename(file, ".json"), JSON.parse(await readFile(join(requestsDir, file), "utf8"))] as const;
  return {
    name,
    manifests,
    requests: new Map(await Promise.all(files.map(read))),
    requestFiles: new Map(files.map((file) => [basename(file, ".json"), join("examples", name, "requests", file)])),
  };
}
