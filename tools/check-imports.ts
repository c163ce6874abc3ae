// SPDX-License-Identifier: Apache-2.0
// `npm run check:imports`: the repository held against the direction table, its package.json files included.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SourceText } from "./check-sizes.ts";
import { cycles, fileProblems, importsOf, packageOf, targetOf } from "./import-rules.ts";
import { isTest, root, sourceFiles } from "./source-files.ts";

/** Imports between packages that the importing package does not declare: they would break once published. */
function undeclared(files: readonly SourceText[]): string[] {
  return readdirSync(join(root, "packages")).flatMap((name) => {
    const { dependencies = {} } = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")) as {
      dependencies?: Record<string, string>;
    };
    const used = files
      .filter(({ path }) => packageOf(path) === name && !isTest(path))
      .flatMap(({ path, text }) => importsOf(text).map(({ specifier }) => packageOf(targetOf(path, specifier) ?? "")));
    const missing = new Set(used.filter((to) => to !== undefined && to !== name && !(`@serval/${to}` in dependencies)));
    return [...missing].map((to) => `packages/${name}/package.json: "@serval/${to}" is imported and not declared`);
  });
}

export function checkImports(): string[] {
  const files = sourceFiles().map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
  return [...files.flatMap(fileProblems), ...cycles(files), ...undeclared(files)];
}

if (import.meta.main) {
  const problems = checkImports();
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
