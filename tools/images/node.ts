// SPDX-License-Identifier: Apache-2.0
// Node itself, from the package of the npm registry that tools/pinned-node.mjs pins.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { nodePackages, cacheDir as servalCache } from "../pinned-node.mjs";
import { type Component, type Ingredient, npmHash, npmPurl } from "./component.ts";
import { lockedPackages, npmPackage } from "./npm-package.ts";
import type { Platform } from "./platform.ts";
import { folderEntries } from "./tree.ts";

/** Node's licence names those of everything that is compiled into it. */
const kept: Readonly<Record<string, string>> = {
  "bin/node": "usr/local/bin/node",
  LICENSE: "usr/share/doc/node/copyright",
};

async function install(platform: Platform, cacheDir: string): Promise<{ folder: string; component: Component }> {
  const [name, version] = nodePackages[`linux-${platform.cpu}`]!;
  // Where the machine's own Node is too old, the pinned one is there already.
  const fetched = join(servalCache(), `node-${version}`);
  const isThere = existsSync(join(fetched, "node_modules", name, "bin/node"));
  const parent = isThere ? fetched : await npmPackage(name, version, { platform, cacheDir });
  const { integrity } = lockedPackages(join(parent, "node_modules/.package-lock.json"))[`node_modules/${name}`] ?? {};
  const component = { name, version, purl: npmPurl(name, version), license: "MIT", hash: npmHash(integrity) };
  return { folder: join(parent, "node_modules", name), component };
}

export async function nodeIngredient(options: {
  readonly platform: Platform;
  readonly cacheDir: string;
}): Promise<Ingredient> {
  const { folder, component } = await install(options.platform, options.cacheDir);
  const files = folderEntries(folder, "", (path) => Object.hasOwn(kept, path));
  return {
    name: "node",
    entries: files.map((entry) => ({ ...entry, path: kept[entry.path]! })),
    components: [component],
  };
}
