// SPDX-License-Identifier: Apache-2.0
// The directions of dependencies as data, and the pure functions that hold source texts against them.
import { posix } from "node:path";
import type { SourceText } from "./check-sizes.ts";
import { isTest } from "./source-files.ts";

/** A package may import those named here, and nothing else of ours. */
export const directions: Readonly<Record<string, readonly string[]>> = {
  api: [],
  protocol: [],
  observe: [],
  kube: ["api", "observe"],
  storage: ["api", "observe"],
  runtimes: ["protocol"],
  operator: ["api", "kube", "observe", "storage"],
  "data-plane": ["api", "protocol", "kube", "observe", "storage"],
  "model-server": ["api", "protocol", "kube", "observe", "storage", "runtimes"],
  embedded: ["api", "protocol", "kube", "observe", "storage", "runtimes", "operator", "data-plane", "model-server"],
  cli: [
    ...["api", "protocol", "kube", "observe", "storage", "runtimes", "operator", "data-plane", "model-server"],
    "embedded",
  ],
  dashboard: ["api"],
};

/** Pure packages: they run in a browser too. */
const levelZero = new Set(["api", "protocol"]);
/** Only these may know which home they are in. */
const knowsTheHome = new Set(["embedded", "cli"]);

export interface Import {
  readonly specifier: string;
  /** Erased at run time: no part of a cycle. */
  readonly isType: boolean;
  /** Loaded when needed: no part of a cycle either. */
  readonly isLazy: boolean;
}

const pattern = /^(?:import|export)\s+(type\s+)?(?:[\w*{][^"';]*?\sfrom\s+)?"([^"]+)"|\bimport\("([^"]+)"\)/gm;

export function importsOf(text: string): Import[] {
  return [...text.matchAll(pattern)].map(([, type, fixed, lazy]) => ({
    specifier: (fixed ?? lazy) as string,
    isType: type !== undefined,
    isLazy: lazy !== undefined,
  }));
}

export const packageOf = (path: string): string | undefined => /^packages\/([^/]+)\//.exec(path)?.[1];

/** The file that a specifier of ours means; undefined: somebody else's. */
export function targetOf(path: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return posix.join(posix.dirname(path), specifier);
  const ours = /^@serval\/([^/]+)(?:\/(.+))?$/.exec(specifier);
  if (ours === null) return undefined;
  const [, name, inner] = ours;
  if (inner === undefined) return `packages/${name}/src/index.ts`;
  return `packages/${name}/src/${/\.\w+$/.test(inner) ? inner : `${inner}.ts`}`;
}

function importProblem(path: string, { specifier, isType }: Import): string | undefined {
  const from = packageOf(path);
  const target = targetOf(path, specifier);
  if (specifier.startsWith("../../../") && from !== undefined && packageOf(target ?? "") === from)
    return `reaches up three folders; write "@serval/${from}/${target?.split("/src/")[1]}"`;
  if (from === undefined || isTest(path)) return undefined;
  if (levelZero.has(from) && specifier.startsWith("node:") && !isType) return `${from} is pure: no node: modules`;
  if (target === undefined) return undefined;
  const to = packageOf(target);
  if (specifier.startsWith(".") && to !== from) return `leaves its package by a relative path`;
  if (isTest(target)) return `imports a test's file`;
  if (to === undefined || to === from || directions[from]?.includes(to) === true) return undefined;
  return `${from} may not import ${to}; allowed: ${directions[from]?.join(", ") || "nothing of ours"}`;
}

const comparesHome = /[!=]== "embedded"|\bif \(!?(isEmbedded|embedded)\b/;

/** What one file does against the rules. */
export function fileProblems({ path, text }: SourceText): string[] {
  const problems = importsOf(text).flatMap((found) => {
    const problem = importProblem(path, found);
    return problem === undefined ? [] : [`${path}: "${found.specifier}": ${problem}`];
  });
  const from = packageOf(path);
  if (from !== undefined && !isTest(path) && !knowsTheHome.has(from) && comparesHome.test(text))
    problems.push(`${path}: asks whether the home is the embedded one; only embedded/ and cli/ may`);
  return problems;
}

/** Cycles of files over what is loaded at once, each as the path that closes it. */
export function cycles(files: readonly SourceText[]): string[] {
  const known = new Set(files.map(({ path }) => path));
  const edges = new Map(
    files.map(({ path, text }) => [
      path,
      importsOf(text)
        .filter(({ isType, isLazy }) => !isType && !isLazy)
        .map(({ specifier }) => targetOf(path, specifier))
        .filter((target): target is string => target !== undefined && known.has(target)),
    ]),
  );
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push(`cycle: ${[...trail.slice(start), path].join(" -> ")}`);
    if (start >= 0 || done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return found;
}
