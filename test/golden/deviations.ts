// SPDX-License-Identifier: Apache-2.0
// Where ours differs from KServe on purpose: the entries of deviations.yaml, and which differences they cover.
import type { AnyObject } from "@serval/api";
import { type Recording, readYaml } from "./case.ts";
import { type Difference, deepDifferences, same } from "./compare.ts";

/** What ours must come to where KServe's recording is no measure: it refuses what ours accepts, or panics. */
export interface Outcome {
  /** First lines of the refusals, in order; empty: accepted. */
  readonly refusals: readonly string[];
  /** Keys of every object after the last step. */
  readonly objects?: readonly string[];
  /** Parts of these objects after the last step; what is not named may be anything. */
  readonly match?: Readonly<Record<string, object>>;
}

export interface Deviation {
  /** Name of the case; `*` stands for any text here and below. */
  readonly case: string;
  readonly object: string;
  /** Path in the object; "" for the whole object, `error`, `warnings`, `events`. */
  readonly field: string;
  /** KServe defect, seed requirement, decision N, weak spot N. */
  readonly reason: string;
  readonly text: string;
  /** What ours must be there; `<generation>`: the object's own. Absent: not looked at. */
  readonly expected?: unknown;
  /** Replaces KServe's recording of the whole case. */
  readonly outcome?: Outcome;
  /** Where it shows; absent: in every home. */
  readonly homes?: readonly string[];
}

export const deviationsFile = new URL("./deviations.yaml", import.meta.url).pathname;

const reasons = /^(KServe defect|seed requirement|decision \d+|weak spot \d+)/;

/** @throws Error for an entry that does not say what or why. */
export function readDeviations(path = deviationsFile): Deviation[] {
  const entries = (readYaml(path) ?? []) as Deviation[];
  for (const [index, entry] of entries.entries()) {
    const missing = (["case", "object", "field", "reason", "text"] as const).filter(
      (name) => typeof entry[name] !== "string",
    );
    if (missing.length > 0) throw new Error(`${path}: entry ${index + 1} (${entry.case}) has no ${missing.join(", ")}`);
    if (!reasons.test(entry.reason))
      throw new Error(`${path}: entry ${index + 1} (${entry.case}): the reason must begin with ${reasons.source}`);
  }
  return entries;
}

const escaped = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
export const matches = (pattern: string, text: string): boolean =>
  new RegExp(`^${pattern.split("*").map(escaped).join(".*")}$`, "s").test(text);

const isFor = (deviation: Deviation, name: string, home: string): boolean =>
  matches(deviation.case, name) && (deviation.homes === undefined || deviation.homes.includes(home));

interface Place {
  readonly difference: Difference;
  readonly recording: Recording;
}

function isExpected({ expected }: Deviation, { difference, recording }: Place): boolean {
  if (expected === undefined) return true;
  if (expected !== "<generation>") return same(difference.ours, expected);
  return difference.ours === recording.steps[difference.step]?.objects[difference.object]?.metadata.generation;
}

/** Whether the entry is about this place, whatever it expects there. */
const isAbout = ({ object, field, outcome }: Deviation, { difference }: Place): boolean =>
  outcome === undefined && matches(object, difference.object) && matches(field, difference.field);

type Named = Readonly<Record<string, unknown>>;
/** Items that are told apart by a name are looked up by it. */
const nameField = (list: readonly unknown[]): "name" | "type" | undefined =>
  (["name", "type"] as const).find((field) =>
    list.every((item) => typeof (item as Named | null)?.[field] === "string"),
  );

/** Only what the outcome names is compared: fields of maps, items of named lists; other lists whole. */
function* unmatched(
  ours: unknown,
  wanted: unknown,
  path: string,
): Generator<Pick<Difference, "field" | "ours" | "theirs">> {
  if (Array.isArray(wanted) && Array.isArray(ours) && wanted.length > 0 && nameField(wanted) !== undefined) {
    const by = nameField(wanted) as string;
    for (const item of wanted as Named[]) {
      const mine = (ours as Named[]).find((candidate) => candidate[by] === item[by]);
      yield* unmatched(mine, item, `${path}[${item[by]}]`);
    }
  } else if (typeof wanted !== "object" || wanted === null || Array.isArray(wanted)) {
    yield* deepDifferences(ours, wanted, path);
  } else
    for (const [name, want] of Object.entries(wanted))
      yield* unmatched((ours as Named | undefined)?.[name], want, path === "" ? name : `${path}.${name}`);
}

function* outcomeDifferences(outcome: Outcome, recording: Recording): Generator<Difference> {
  const step = recording.steps.length - 1;
  const last = recording.steps[step]?.objects ?? {};
  const refusals = recording.steps.flatMap((each) => each.refusals.map(({ message }) => message.split("\n")[0]));
  if (!same(refusals, outcome.refusals))
    yield { step, object: "", field: "error", ours: refusals, theirs: outcome.refusals };
  const keys = Object.keys(last).sort();
  if (outcome.objects !== undefined && !same(keys, [...outcome.objects].sort()))
    yield { step, object: "", field: "objects", ours: keys, theirs: [...outcome.objects].sort() };
  for (const [object, wanted] of Object.entries(outcome.match ?? {}))
    for (const place of unmatched(last[object] as AnyObject | undefined, wanted, "")) yield { step, object, ...place };
}

export interface Verdict {
  readonly name: string;
  readonly result: "passed" | "failed" | "deviating";
  /** Differences that no entry covers. */
  readonly open: readonly Difference[];
  readonly used: readonly Deviation[];
}

export interface JudgeInput {
  readonly name: string;
  readonly home: string;
  readonly recording: Recording;
  readonly differences: readonly Difference[];
  readonly deviations: readonly Deviation[];
}

/** Whether a case passes, fails, or differs only where it is meant to. */
export function judge({ name, home, recording, differences, deviations }: JudgeInput): Verdict {
  const mine = deviations.filter((deviation) => isFor(deviation, name, home));
  const replaced = mine.find(({ outcome }) => outcome !== undefined);
  if (replaced?.outcome !== undefined) {
    const open = [...outcomeDifferences(replaced.outcome, recording)];
    return { name, open, used: [replaced], result: open.length > 0 ? "failed" : "deviating" };
  }
  const used = new Set<Deviation>();
  const open = differences.filter((difference) => {
    const place = { difference, recording };
    const found = mine.filter((deviation) => isAbout(deviation, place));
    for (const deviation of found) used.add(deviation);
    // A wide entry does not excuse what a narrow one forbids.
    return found.length === 0 || !found.every((deviation) => isExpected(deviation, place));
  });
  const result = open.length > 0 ? "failed" : used.size > 0 ? "deviating" : "passed";
  return { name, open, used: [...used], result };
}

/** Entries that covered nothing although all their cases ran in one of their homes. */
export const staleDeviations = (
  deviations: readonly Deviation[],
  verdicts: readonly Verdict[],
  home: string,
): Deviation[] => {
  const used = new Set(verdicts.flatMap((verdict) => verdict.used));
  return deviations.filter(
    (deviation) => !used.has(deviation) && verdicts.some(({ name }) => isFor(deviation, name, home)),
  );
};
