// SPDX-License-Identifier: Apache-2.0
// Whether two answers are the same, apart from what Kubernetes leaves to the order of Go's maps.
import { isMap } from "@serval/kube/schema/json.ts";
import type { Answer } from "./ours.ts";

/** The first differences as `path: Kubernetes' → ours`; empty: the answers agree. */
export function differences(theirs: Answer, ours: Answer): string[] {
  if (Array.isArray(theirs["steps"])) {
    const steps = theirs["steps"] as Answer[];
    const mine = ours["steps"] as Answer[];
    for (const [index, step] of steps.entries()) {
      const found = compareOne(step, mine[index] ?? {});
      if (found.length > 0) return found.map((line) => `step ${index}: ${line}`);
    }
    return [];
  }
  return compareOne(theirs, ours);
}

function compareOne(theirs: Answer, ours: Answer): string[] {
  if (typeof theirs["error"] === "string") return compareRefusals(theirs, ours);
  return [...diff(settled(theirs), settled(ours), "")].slice(0, 6);
}

/** Kubernetes stops at the first of several findings that it happens to see: then only the fact is compared. */
function compareRefusals(theirs: Answer, ours: Answer): string[] {
  if (typeof ours["error"] !== "string")
    return [`Kubernetes refuses: ${theirs["error"]}; ours: ${JSON.stringify(ours).slice(0, 300)}`];
  const code =
    theirs["code"] === undefined || theirs["code"] === ours["code"]
      ? []
      : [`code: ${theirs["code"]} → ${ours["code"]}`];
  const texts = isSameText(theirs, ours) ? [] : [...diff(plain(theirs["error"]), plain(ours["error"]), "error")];
  return [...code, ...texts, ...diff(sorted(theirs["causes"]), sorted(ours["causes"]), "causes")].slice(0, 6);
}

function isSameText(theirs: Answer, ours: Answer): boolean {
  const [their, our] = [String(theirs["error"]), String(ours["error"])];
  const hasSeveral = (text: string): boolean => /errors:\n|not declared in schema/.test(text);
  // Which of several wrong fields a strategic merge meets first is chance.
  if (theirs["code"] === undefined || hasSeveral(their) || hasSeveral(our)) return true;
  // Internal errors say what Kubernetes was doing in front of what is wrong.
  const isPrefixed = theirs["code"] === 500 && their.endsWith(`: ${our}`);
  return isPrefixed || letters(their) === letters(our);
}

/** Texts that show a map show it in the order of Go's map. */
const letters = (text: unknown): string => [...String(text)].sort().join("");

/** Ours says more than Kubernetes where Kubernetes drops the cause. */
const plain = (text: unknown): string =>
  String(text).replace(/^the server rejected our request due to an error in our request: /, "");

const sorted = (list: unknown): unknown[] =>
  (Array.isArray(list) ? [...list] : [])
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
    .map(keyOrdered);

function keyOrdered(value: unknown): unknown {
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function settled(answer: Answer): Answer {
  const { errors } = answer;
  if (!Array.isArray(errors)) return answer;
  return { ...answer, errors: errors.map(keyOrdered).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) };
}

const short = (value: unknown): string => (value === undefined ? "nothing" : JSON.stringify(value).slice(0, 400));

function* diff(theirs: unknown, ours: unknown, path: string): Generator<string> {
  if (Array.isArray(theirs) && Array.isArray(ours) && theirs.length === ours.length) {
    for (let i = 0; i < theirs.length; i++) yield* diff(theirs[i], ours[i], `${path}[${i}]`);
  } else if (isMap(theirs) && isMap(ours)) {
    for (const key of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
      const own = (map: { [key: string]: unknown }): unknown => (Object.hasOwn(map, key) ? map[key] : undefined);
      yield* diff(own(theirs), own(ours), `${path}.${key}`);
    }
  } else if (JSON.stringify(theirs) !== JSON.stringify(ours)) yield `${path}: ${short(theirs)} → ${short(ours)}`;
}
