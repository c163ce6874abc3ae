// SPDX-License-Identifier: Apache-2.0
// Recorded cases as data: what was applied to KServe's real controllers, and every object that came out. The form is
// that of the cases' own README.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { AnyObject } from "@serval/api";
import { parse } from "yaml";

export type Objects = Readonly<Record<string, AnyObject>>;

/** A refused request, in the API server's words. */
export interface Refusal {
  readonly object?: string | undefined;
  readonly code?: number | undefined;
  readonly reason?: string | null | undefined;
  readonly message: string;
}

export interface RecordedEvent {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly object: string;
}

/** One thing that was done to the cluster. */
export interface Action {
  readonly apply?: readonly string[];
  readonly input?: readonly AnyObject[];
  readonly ready?: boolean;
  readonly podStatus?: string;
  readonly routes?: string;
  readonly ksvc?: string;
  readonly isvcStatus?: { readonly name: string; readonly status: object };
  readonly patch?: { readonly kind: string; readonly name: string; readonly json: object };
  readonly delete?: { readonly kind: string; readonly name: string };
}

export interface RecordedStep {
  readonly do: Action;
  readonly added?: Objects;
  /** Top-level sections that differ; null: the section is gone. */
  readonly changed?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly removed?: readonly string[];
  readonly error?: readonly Refusal[] | null;
  readonly warnings?: readonly string[];
}

export interface GoldenCase {
  readonly case: string;
  readonly mode: string;
  readonly context: { readonly configmap?: string; readonly overrides?: Readonly<Record<string, unknown>> };
  readonly error: readonly Refusal[] | null;
  readonly warnings?: readonly string[];
  readonly input?: readonly AnyObject[];
  /** Absent where everything was refused. */
  readonly outputs?: Objects;
  readonly events?: readonly RecordedEvent[];
  readonly steps?: readonly RecordedStep[];
}

/** A case and where it came from. */
export interface FoundCase {
  readonly golden: GoldenCase;
  readonly folder: string;
  /** Folder with the ConfigMaps, runtimes and CRDs that the cases were recorded with. */
  readonly contextDir: string;
}

/** One step's outcome, KServe's or ours: the whole namespace after it, and what was refused and warned. */
export interface StepRecord {
  readonly objects: Objects;
  readonly refusals: readonly Refusal[];
  readonly warnings: readonly string[];
}

export interface Recording {
  readonly steps: readonly StepRecord[];
  readonly events: readonly RecordedEvent[];
}

/** A reader's mistake in the arguments: printed without a stack. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Where the project's own tests look for the recorded cases: `SERVAL_GOLDEN`, else beside the repository. */
export const goldenFolder = resolve(
  process.env["SERVAL_GOLDEN"] ?? new URL("../../../shared/golden", import.meta.url).pathname,
);

function contextOf(folder: string, given: string | undefined): string {
  const candidates =
    given === undefined
      ? [join(folder, "context"), join(dirname(folder), "context"), join(goldenFolder, "context")]
      : [resolve(given)];
  const found = candidates.find((candidate) => existsSync(join(candidate, "configmap")));
  if (found !== undefined) return found;
  throw new UsageError(`no context for ${folder}: looked in ${candidates.join(", ")}; name it with --context DIR`);
}

export const readYaml = (path: string): unknown => parse(readFileSync(path, "utf8"), { maxAliasCount: -1 });

/**
 * Every case of a folder, by name.
 *
 * @param context folder of the context; absent: `DIR/context`, `DIR/../context`, then the recorded one.
 * @throws UsageError when the folder or its context is not there.
 */
export function readCases(folder: string, context?: string): FoundCase[] {
  const dir = resolve(folder);
  if (!existsSync(dir) || !statSync(dir).isDirectory()) throw new UsageError(`there is no folder ${dir}`);
  const contextDir = contextOf(dir, context);
  const files = readdirSync(dir).filter((name) => name.endsWith(".yaml"));
  return files.sort().map((name) => ({ golden: readYaml(join(dir, name)) as GoldenCase, folder: dir, contextDir }));
}

const isObject = (entry: AnyObject): boolean => entry.kind !== undefined;

/**
 * What a step applies: its own input, else the next objects of the case's input with the names that it lists.
 *
 * @param given objects of the case's input that earlier steps have applied; filled here.
 */
export function appliedBy(golden: GoldenCase, action: Action, given: Set<AnyObject>): readonly AnyObject[] {
  if (action.input !== undefined) return action.input;
  return (action.apply ?? []).flatMap((key) => {
    const next = golden.input?.find(
      (object) => isObject(object) && !given.has(object) && `${object.kind}/${object.metadata.name}` === key,
    );
    if (next === undefined) return [];
    given.add(next);
    return [next];
  });
}

/** The steps of a case; one without any is a single apply of its input. */
export const stepsOf = (golden: GoldenCase): readonly RecordedStep[] =>
  golden.steps ?? [
    {
      do: { apply: (golden.input ?? []).map(({ kind, metadata }) => `${kind}/${metadata.name}`) },
      error: golden.error,
    },
  ];

function nextState(before: Objects, { added, changed, removed }: RecordedStep): Objects {
  const next: Record<string, AnyObject> = { ...before, ...added };
  for (const [key, sections] of Object.entries(changed ?? {})) {
    const merged = { ...next[key], ...sections };
    next[key] = Object.fromEntries(Object.entries(merged).filter(([, section]) => section !== null)) as AnyObject;
  }
  for (const key of removed ?? []) delete next[key];
  return next;
}

/** KServe's recording as whole states, one per step. */
export function recordingOf(golden: GoldenCase): Recording {
  const steps: StepRecord[] = [];
  let objects: Objects = golden.outputs ?? {};
  for (const [index, step] of stepsOf(golden).entries()) {
    if (index > 0) objects = nextState(objects, step);
    const warnings = step.warnings ?? (index === 0 ? golden.warnings : undefined) ?? [];
    steps.push({ objects, refusals: step.error ?? [], warnings });
  }
  return { steps, events: golden.events ?? [] };
}
