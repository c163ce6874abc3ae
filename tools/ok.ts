// SPDX-License-Identifier: Apache-2.0
// `npm run ok`: types, style, layers, sizes, generated files; one line per check, and what is wrong below it.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkImports } from "./check-imports.ts";
import { checkSizes } from "./check-sizes.ts";
import { generate, generatedFiles, hasGo } from "./generate/index.ts";
import { root } from "./source-files.ts";

interface Check {
  readonly name: string;
  /** Problems, or why there was nothing to check. */
  run(): readonly string[] | { skipped: string };
}

const maxShown = 40;

function command(name: string, args: readonly string[]): string[] {
  try {
    execFileSync(process.execPath, [join(root, "node_modules", ".bin", name), ...args], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 1 << 26,
    });
    return [];
  } catch (error) {
    const { stdout = "", stderr = "", message } = error as { stdout?: string; stderr?: string; message: string };
    const lines = `${stdout}${stderr}`.split("\n").filter((line) => line.trim() !== "");
    return lines.length > 0 ? lines : [message];
  }
}

const digests = (): string[] =>
  generatedFiles.map((path) =>
    createHash("sha256")
      .update(readFileSync(join(root, path)))
      .digest("hex"),
  );

function checkGenerated(): readonly string[] | { skipped: string } {
  if (!hasGo()) return { skipped: "Go is not installed" };
  const before = digests();
  generate();
  const after = digests();
  return generatedFiles
    .filter((_, index) => before[index] !== after[index])
    .map((path) => `${path}: differs from what its generator writes (now written: look at git diff)`);
}

const checks: readonly Check[] = [
  { name: "types", run: () => command("tsc", ["--noEmit", "-p", "tsconfig.json"]) },
  { name: "style", run: () => command("biome", ["check", "--error-on-warnings", "."]) },
  { name: "imports", run: checkImports },
  { name: "sizes", run: checkSizes },
  { name: "generated files", run: checkGenerated },
];

function report({ name, run }: Check): boolean {
  const startedAt = performance.now();
  const result = run();
  const seconds = `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  if ("skipped" in result) {
    console.log(`skipped  ${name}: ${result.skipped}`);
    return true;
  }
  console.log(result.length === 0 ? `ok       ${name} (${seconds})` : `failed   ${name}: ${result.length} lines`);
  for (const line of result.slice(0, maxShown)) console.log(`  ${line}`);
  if (result.length > maxShown) console.log(`  … and ${result.length - maxShown} more`);
  return result.length === 0;
}

if (import.meta.main) process.exitCode = checks.map(report).every(Boolean) ? 0 : 1;
