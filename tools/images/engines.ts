// SPDX-License-Identifier: Apache-2.0
// The heavy engines of the model server, in the image instead of fetched when the first model needs one: the folder that
// packages/runtimes/src/engines.ts would make, in the place where it looks first.
import { join } from "node:path";
import { type EngineName, engineDir, ensureEngine, otherPlatforms } from "@serval/runtimes/engines.ts";
import { type Component, type Ingredient, npmHash, npmPurl } from "./component.ts";
import { lockedPackages } from "./npm-package.ts";
import type { Platform } from "./platform.ts";
import { folderEntries } from "./tree.ts";

/** `SERVAL_CACHE_DIR` of the image: read only, so nothing is ever fetched into it. */
export const engineCache = "opt/serval/cache";

/** Sources, typings and instructions for people: nothing reads them at run time. */
const dead = /\.(d\.[cm]?ts|[cm]?ts|map|md|markdown)$|^node_modules\/\.|\/(test|tests|docs)\//i;

function componentsOf(dir: string): Component[] {
  return Object.entries(lockedPackages(join(dir, "node_modules/.package-lock.json"))).map(([path, locked]) => {
    const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    const version = locked.version ?? "0";
    return { name, version, purl: npmPurl(name, version), license: locked.license, hash: npmHash(locked.integrity) };
  });
}

export async function engineIngredient(
  engine: EngineName,
  options: { readonly platform: Platform; readonly servalCache: string; readonly say: (line: string) => void },
): Promise<Ingredient> {
  if (options.platform.cpu !== process.arch)
    throw new Error(
      `Cannot build the model server's image for ${options.platform.architecture} on this machine: npm fetches an engine for the processor that it runs on\nFix: build on a machine of that platform, or without the model server (--only serval,storage-initializer)`,
    );
  const { dir } = await ensureEngine(engine, {
    cacheDir: options.servalCache,
    onProgress: ({ message, receivedBytes }) => receivedBytes === undefined && options.say(message),
  });
  const others = otherPlatforms(engine, "linux", options.platform.cpu).map((path) => `node_modules/${path}`);
  const at = engineDir(engine, engineCache);
  const keeps = (path: string): boolean =>
    !dead.test(path) && !others.some((other) => path === other || path.startsWith(`${other}/`));
  return { name: `engine-${engine}`, entries: folderEntries(dir, at, keeps), components: componentsOf(dir) };
}
