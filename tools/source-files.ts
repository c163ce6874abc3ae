// SPDX-License-Identifier: Apache-2.0
// The source files that the checks look at: those that git knows or would add, generated ones left out.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root: string = fileURLToPath(new URL("..", import.meta.url));

/** Paths relative to the root, sorted. */
export function sourceFiles(): string[] {
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts", "*.mjs"], {
    cwd: root,
    encoding: "utf8",
  });
  return [...new Set(listed.split("\n"))]
    .filter((path) => path !== "" && !/\.gen\.ts$|\/testdata\//.test(path) && existsSync(`${root}${path}`))
    .sort();
}

/** Tests may reach further than the code that ships. */
export const isTest = (path: string): boolean =>
  /\.(test|suite|bench)\.ts$|\/testing\//.test(path) || !path.startsWith("packages/");
