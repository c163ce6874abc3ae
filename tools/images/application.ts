// SPDX-License-Identifier: Apache-2.0
// Serval itself, bundled by esbuild: one folder of JavaScript, without TypeScript and without node_modules, which starts
// in less time and lists exactly the packages that are in it.
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "./command.ts";
import { type Component, type Ingredient, npmHash, npmPurl } from "./component.ts";
import { licenceText } from "./licences.ts";
import { type LockedPackage, lockedPackages, npmFolder } from "./npm-package.ts";
import { type Entry, folderEntries, textFile } from "./tree.ts";

const home = "opt/serval";
/** Entry points by the name that the code looks for beside itself. */
const entryPoints: Readonly<Record<string, string>> = {
  main: "packages/cli/src/main.ts",
  worker: "packages/runtimes/src/llama/worker.ts",
};
/** The embedded home's store is native code and of no use in a container. */
const external = ["lmdb"];
/** Packages in CommonJS ask for Node's own modules by `require`. */
const banner =
  'import { createRequire as servalRequire } from "node:module"; const require = servalRequire(import.meta.url);';

interface Metafile {
  readonly inputs: Readonly<Record<string, unknown>>;
}

async function bundler(cacheDir: string): Promise<string> {
  const source = join(import.meta.dirname, "bundler");
  const { version } = JSON.parse(readFileSync(join(source, "package.json"), "utf8")) as { version: string };
  const folder = await npmFolder(source, { name: `bundler-${version}`, cacheDir });
  return join(folder, `node_modules/@esbuild/${process.platform}-${process.arch}/bin/esbuild`);
}

async function bundle(root: string, cacheDir: string): Promise<{ files: Entry[]; meta: Metafile }> {
  const staging = await mkdtemp(join(tmpdir(), "serval-bundle-"));
  try {
    const flags = [
      ...Object.entries(entryPoints).map(([name, path]) => `${name}=${path}`),
      ...["--bundle", "--splitting", "--format=esm", "--platform=node", "--target=node24", "--log-level=error"],
      ...["--legal-comments=none", `--banner:js=${banner}`, ...external.map((name) => `--external:${name}`)],
      ...[`--outdir=${join(staging, "dist")}`, `--metafile=${join(staging, "meta.json")}`],
    ];
    const fix = "the line above names the file; if npm run ok is green, report this";
    await runCommand(await bundler(cacheDir), flags, { cwd: root, fix });
    const meta = JSON.parse(await readFile(join(staging, "meta.json"), "utf8")) as Metafile;
    // In memory: the folder is gone before the layer is packed.
    const files = folderEntries(join(staging, "dist"), `${home}/dist`).map((entry) =>
      entry.kind === "file" && typeof entry.content === "string"
        ? { ...entry, content: readFileSync(entry.content) }
        : entry,
    );
    return { files, meta };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Folders of npm packages of which something is in the bundle, relative to the root, sorted. */
export function bundledPackages(inputs: readonly string[]): string[] {
  const folders = inputs.flatMap((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []);
  return [...new Set(folders)].sort();
}

export function packageComponent(folder: string, locked: LockedPackage | undefined): Component {
  const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
  if (locked?.version === undefined)
    throw new Error(
      `Cannot list what the image contains: ${folder} is bundled but not in package-lock.json\nFix: run npm ci, then build again`,
    );
  const { version, license, integrity } = locked;
  return { name, version, purl: npmPurl(name, version), license, hash: npmHash(integrity) };
}

/** @param root of this repository, with its dependencies installed. */
export async function applicationIngredient(root: string, cacheDir: string): Promise<Ingredient> {
  const { files, meta } = await bundle(root, cacheDir);
  const folders = bundledPackages(Object.keys(meta.inputs));
  const locked = lockedPackages(join(root, "package-lock.json"));
  const bin = (name: string): Entry => ({
    path: `${home}/bin/${name}`,
    kind: "file",
    content: readFileSync(join(root, "packages/cli/bin", name)),
  });
  const start = `#!/usr/local/bin/node\n// SPDX-License-Identifier: Apache-2.0\nimport("/${home}/bin/serval.mjs");\n`;
  return {
    name: "application",
    entries: [
      ...files,
      bin("serval.mjs"),
      bin("help.gen.json"),
      textFile(`${home}/package.json`, `${JSON.stringify({ name: "serval", private: true, type: "module" })}\n`),
      { ...textFile("usr/local/bin/serval", start), isExecutable: true } as Entry,
      { path: "usr/share/doc/serval/copyright", kind: "file", content: readFileSync(join(root, "LICENSE")) },
      textFile("usr/share/doc/serval/third-party-licences", licenceText(root, folders)),
    ],
    components: folders.map((folder) => packageComponent(folder, locked[folder])),
  };
}
