// SPDX-License-Identifier: Apache-2.0
// The Go programs of this folder, built once per content of their sources into the project's cache folder.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cacheFolder } from "../cache-folder.ts";

const run = promisify(execFile);
const cacheDir = cacheFolder();
const source = fileURLToPath(new URL("controller/", import.meta.url));

/** The program's path; `skip: why` where this machine cannot build it. */
export async function controllerProgram(): Promise<string> {
  const texts = await Promise.all(["main.go", "go.mod", "go.sum"].map((name) => readFile(join(source, name))));
  const digest = createHash("sha256").update(Buffer.concat(texts)).digest("hex").slice(0, 16);
  const program = join(cacheDir, `clients-${digest}`, "controller");
  if (existsSync(program)) return program;
  try {
    const env = { ...process.env, CGO_ENABLED: "0" };
    await run("go", ["build", "-o", program, "."], { cwd: source, env, timeout: 280_000 });
    return program;
  } catch (error) {
    return `skip:a client-go program cannot be built here: ${(error as Error).message.split("\n")[0]}`;
  }
}
