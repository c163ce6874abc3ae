// SPDX-License-Identifier: Apache-2.0
// Files with secrets: mode 0600 from their first moment, replaced in one step.
import { chmod, mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";

export async function writePrivateFile(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, "w", 0o600);
  try {
    // The mode above counts for a new file only.
    await chmod(temporary, 0o600);
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

/** Undefined when there is none. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
