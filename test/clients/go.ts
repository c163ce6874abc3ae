// SPDX-License-Identifier: Apache-2.0
// The Go programs of this folder, built once per content of their sources into the project's cache folder.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cacheFolder } from "../cache-folder.ts";

const run = promisify(execFile);
const cacheDir = cacheFolder();
const isSource = (name: string): boolean => name.endsWith(".go") || name === "go.mod" || name === "go.sum";

/** The path of the program in that folder; `skip: why` where this machine cannot build it. */
export async function goProgram(folder: "controller" | "judges"): Promise<string> {
  const source = fileURLToPath(new URL(`${folder}/`, import.meta.url));
  const names = (await readdir(source)).filter(isSource).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(source, name))));
  const digest = createHash("sha256").update(Buffer.concat(texts)).digest("hex").slice(0, 16);
  const program = join(cacheDir, `clients-${digest}`, folder);
  if (existsSync(program)) return program;
  try {
    const env = { ...process.env, CGO_ENABLED: "0" };
    await run("go", ["build", "-o", program, "."], { cwd: source, env, timeout: 280_000 });
    return program;
  } catch (error) {
    return `skip:the Go program ${folder} cannot be built here: ${(error as Error).message.split("\n")[0]}`;
  }
}

export const controllerProgram = (): Promise<string> => goProgram("controller");
