// SPDX-License-Identifier: Apache-2.0
// What a run prints: short for a reader, one case a line with its first differences.
import type { Difference } from "./compare.ts";
import type { Deviation, Verdict } from "./deviations.ts";

const shownDifferences = 3;
const shownText = 90;

function short(value: unknown, length = shownText): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** Where two long texts begin to differ, so that the difference itself is shown. */
function around(ours: unknown, theirs: unknown): readonly [string, string] {
  if (typeof ours !== "string" || typeof theirs !== "string" || Math.max(ours.length, theirs.length) <= shownText)
    return [short(ours), short(theirs)];
  let at = 0;
  while (at < Math.min(ours.length, theirs.length) && ours[at] === theirs[at]) at += 1;
  const from = Math.max(0, at - 20);
  const cut = (text: string): string => `${from > 0 ? "…" : ""}${short(text.slice(from))}`;
  return [cut(ours), cut(theirs)];
}

export function differenceLine({ step, object, field, ours, theirs }: Difference): string {
  const where = [step > 0 ? `[step ${step}]` : "", object, field].filter((part) => part !== "").join(" ");
  if (field === "") return `${where}: ${ours === undefined ? "missing, KServe has it" : "KServe makes none"}`;
  const [mine, their] = around(ours, theirs);
  return `${where}: ours ${mine}, KServe's ${their}`;
}

export function verdictLines({ name, open }: Verdict, verbose: boolean): string[] {
  const shown = verbose ? open : open.slice(0, shownDifferences);
  const more = open.length - shown.length;
  return [
    `✖ ${name}  ${open.length} difference${open.length === 1 ? "" : "s"}`,
    ...shown.map((difference) => `    ${differenceLine(difference)}`),
    ...(more > 0 ? [`    … ${more} more (--verbose)`] : []),
  ];
}

export const staleLine = ({ case: name, object, field }: Deviation): string =>
  `stale deviation: ${name} ${object} ${field} covers nothing any more; remove it from deviations.yaml`;

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly deviating: number;
}

export function countsOf(verdicts: readonly Verdict[]): Counts {
  const count = (wanted: Verdict["result"]): number => verdicts.filter(({ result }) => result === wanted).length;
  return { passed: count("passed"), failed: count("failed"), deviating: count("deviating") };
}

export const countsLine = ({ passed, failed, deviating }: Counts): string =>
  `${passed} passed, ${failed} failed, ${deviating} deviating`;
