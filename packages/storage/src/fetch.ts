// SPDX-License-Identifier: Apache-2.0
// One model from where it is to where the server looks for it.
import { mkdir, readdir, rm, stat, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface FetchOptions {
  readonly uri: string;
  readonly dir: string;
}

export async function fetchModel({ uri, dir }: FetchOptions): Promise<void> {
  const source = fileURLToPath(uri);
  const found = await stat(source);
  await mkdir(dir, { recursive: true });
  const names = found.isDirectory() ? await readdir(source) : [basename(source)];
  for (const name of names) {
    await rm(join(dir, name), { recursive: true, force: true });
    await symlink(found.isDirectory() ? join(source, name) : source, join(dir, name));
  }
}
