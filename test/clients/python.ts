// SPDX-License-Identifier: Apache-2.0
// Python with the packages that the clients' tests use, in the project's cache folder, installed once.
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cacheFolder } from "../cache-folder.ts";

const run = promisify(execFile);
/** kserve 0.20 passes models where kubernetes 33 and newer want plain objects; 32.0.1 is what its own lock file has. */
const packages = ["kserve==0.20.0", "kubernetes==32.0.1"];
const cacheDir = cacheFolder();
const folder = join(cacheDir, `venv-${packages.join("-").replaceAll("==", "-")}`);

async function install(): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(cacheDir, { recursive: true });
  await run("python3", ["-m", "venv", folder]);
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages];
  await run(join(folder, "bin/python"), pip, { timeout: 280_000, maxBuffer: 16 * 1024 * 1024 });
  await writeFile(join(folder, "complete"), "");
}

/** The interpreter; `skip: why` where this machine cannot have it. */
export async function pythonWithKserve(): Promise<string> {
  try {
    if (!existsSync(join(folder, "complete"))) await install();
    return join(folder, "bin/python");
  } catch (error) {
    return `skip:KServe's SDK cannot be installed here: ${(error as Error).message.split("\n")[0]}`;
  }
}

export interface Story {
  /** The steps that it printed. */
  readonly steps: readonly string[];
  readonly code: number | null;
  readonly stderr: string;
}

/** Runs one of this folder's programs to its end. */
export function tell(python: string, program: string, given: object): Promise<Story> {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const child = spawn(python, [path, JSON.stringify(given)], { stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const timer = setTimeout(() => child.kill("SIGKILL"), 240_000);
  return new Promise((resolve) =>
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ steps: stdout.split("\n").filter(Boolean), code, stderr });
    }),
  );
}
