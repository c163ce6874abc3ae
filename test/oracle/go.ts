// SPDX-License-Identifier: Apache-2.0
// Builds and talks to the Go program: Kubernetes' own code.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../cache-folder.ts";
import type { Answer } from "./ours.ts";

const source = fileURLToPath(new URL(".", import.meta.url));

/** Whether this machine can build the oracle at all. */
export function hasGo(): boolean {
  try {
    execFileSync("go", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** The program's path; built on first use and after every change of its source. */
export function buildOracle(env: NodeJS.ProcessEnv, log: (line: string) => void): string {
  const files = readdirSync(source).filter((name) => name.endsWith(".go") || name.startsWith("go."));
  const hash = createHash("sha256");
  for (const name of files.filter((one) => one !== "go.ts").sort())
    hash.update(name).update(readFileSync(join(source, name)));
  const folder = join(cacheFolder(env), `oracle-${hash.digest("hex").slice(0, 16)}`);
  const program = join(folder, "oracle");
  if (existsSync(program)) return program;
  log("building the oracle from Kubernetes' own modules (minutes, once) …");
  mkdirSync(folder, { recursive: true });
  const unfinished = `${program}.${process.pid}`;
  execFileSync("go", ["build", "-o", unfinished, "."], { cwd: source, stdio: ["ignore", "inherit", "inherit"] });
  renameSync(unfinished, program);
  return program;
}

/** Answers in the order of the requests. */
export async function* askOracle(program: string, requests: Iterable<unknown>): AsyncGenerator<Answer> {
  const child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
  const exit = once(child, "exit");
  const feed = (async () => {
    for (const request of requests) {
      if (!child.stdin.write(`${JSON.stringify(request)}\n`)) await once(child.stdin, "drain");
    }
    child.stdin.end();
  })();
  try {
    for await (const line of createInterface({ input: child.stdout })) yield JSON.parse(line) as Answer;
    await feed;
    const [code] = await exit;
    if (code !== 0) throw new Error(`the oracle ended with ${code}`);
  } finally {
    child.kill();
  }
}
