// SPDX-License-Identifier: Apache-2.0
// Two recordings of one case, object by object and field by field. Pure.
import type { AnyObject } from "@serval/api";
import type { Objects, RecordedEvent, Recording, Refusal, StepRecord } from "./case.ts";
import { normalised, readinessEvents } from "./normalise.ts";

/** `ours` or `theirs` undefined: it is not there. */
export interface Difference {
  /** Number of the first step that shows it. */
  readonly step: number;
  /** `Kind/name` as recorded; the refused object for `error`. */
  readonly object: string;
  /** Path in the object, "" for the whole object; `error`, `warnings` and `events` are what they say. */
  readonly field: string;
  readonly ours: unknown;
  readonly theirs: unknown;
}

type Place = Pick<Difference, "field" | "ours" | "theirs">;
type Json = Readonly<Record<string, unknown>>;

const isMap = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const isAbsent = (value: unknown): boolean => value === undefined;

/** Equal JSON, whatever the order of keys. */
export function same(a: unknown, b: unknown): boolean {
  return deepDifferences(a, b, "").next().done === true;
}

const joined = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

/** Lists whose items are told apart by a name are compared by it, so that one more item is one difference. */
function itemName(list: readonly unknown[]): string | undefined {
  return ["name", "type"].find((field) => {
    const names = list.map((item) => (isMap(item) ? item[field] : undefined));
    return names.every((name) => typeof name === "string" && name !== "") && new Set(names).size === names.length;
  });
}

function* listDifferences(ours: readonly unknown[], theirs: readonly unknown[], path: string): Generator<Place> {
  const nameOf = itemName([...ours]);
  if (nameOf !== undefined && nameOf === itemName([...theirs])) {
    yield* namedDifferences(ours as Json[], theirs as Json[], { path, nameOf });
    return;
  }
  if (ours.length !== theirs.length) {
    yield { field: path, ours, theirs };
    return;
  }
  for (const [index, mine] of ours.entries()) yield* deepDifferences(mine, theirs[index], `${path}[${index}]`);
}

function* namedDifferences(
  ours: readonly Json[],
  theirs: readonly Json[],
  { path, nameOf }: { path: string; nameOf: string },
): Generator<Place> {
  const names = (list: readonly Json[]): string[] => list.map((item) => String(item[nameOf]));
  const find = (list: readonly Json[], name: string): Json | undefined => list.find((item) => item[nameOf] === name);
  const all = new Set([...names(theirs), ...names(ours)]);
  for (const name of all) yield* deepDifferences(find(ours, name), find(theirs, name), `${path}[${name}]`);
  const shared = (list: readonly Json[], other: readonly Json[]): string[] =>
    names(list).filter((name) => find(other, name) !== undefined);
  const order = [shared(ours, theirs), shared(theirs, ours)] as const;
  // Conditions are a map by type.
  if (path.endsWith("conditions") || order[0].join() === order[1].join()) return;
  yield { field: `${path} (order)`, ours: order[0], theirs: order[1] };
}

/** Every place where they differ. */
export function* deepDifferences(ours: unknown, theirs: unknown, path: string): Generator<Place> {
  if (isMap(ours) && isMap(theirs)) {
    for (const name of new Set([...Object.keys(theirs), ...Object.keys(ours)]))
      yield* deepDifferences(ours[name], theirs[name], joined(path, name));
  } else if (Array.isArray(ours) && Array.isArray(theirs)) yield* listDifferences(ours, theirs, path);
  else if (!Object.is(ours, theirs)) yield { field: path, ours, theirs };
}

const base = (key: string): string => key.replace(/#\d+$/, "");

function grouped(objects: Objects): Map<string, AnyObject[]> {
  const groups = new Map<string, AnyObject[]>();
  for (const [key, object] of Object.entries(objects))
    groups.set(base(key), [...(groups.get(base(key)) ?? []), normalised(object)]);
  return groups;
}

/** Pods of two ReplicaSets of one Deployment have no order: equal ones are paired first. */
function* pairs(
  ours: readonly AnyObject[],
  theirs: readonly AnyObject[],
): Generator<[AnyObject | undefined, AnyObject | undefined]> {
  const left = [...ours];
  const waiting: AnyObject[] = [];
  for (const object of theirs) {
    const index = left.findIndex((mine) => same(mine, object));
    if (index >= 0) left.splice(index, 1);
    else waiting.push(object);
  }
  for (let index = 0; index < Math.max(left.length, waiting.length); index += 1) yield [left[index], waiting[index]];
}

/** Which objects a home can tell about; a partial home is asked for nothing else. */
export type Knows = (key: string) => boolean;

function* stateDifferences(ours: Objects, theirs: Objects, knows: Knows): Generator<Omit<Difference, "step">> {
  const [mine, their] = [grouped(ours), grouped(theirs)];
  for (const key of new Set([...their.keys(), ...mine.keys()])) {
    if (!knows(key)) continue;
    for (const [own, other] of pairs(mine.get(key) ?? [], their.get(key) ?? []))
      if (isAbsent(own) || isAbsent(other)) yield { object: key, field: "", ours: own, theirs: other };
      else for (const place of deepDifferences(own, other, "")) yield { object: key, ...place };
  }
}

const firstLine = (text: string): string => text.split("\n")[0] ?? "";
/** Ours may say more after the first line (decision 7). */
const comparable = ({ code, reason, message }: Refusal) => ({
  code,
  reason: reason ?? null,
  message: firstLine(message),
});

function* refusalDifferences(ours: StepRecord, theirs: StepRecord): Generator<Omit<Difference, "step">> {
  const objects = new Set([...theirs.refusals, ...ours.refusals].map(({ object = "" }) => object));
  for (const object of objects) {
    const of = ({ refusals }: StepRecord) => {
      const found = refusals.find((refusal) => (refusal.object ?? "") === object);
      return found === undefined ? undefined : comparable(found);
    };
    for (const place of deepDifferences(of(ours), of(theirs), "error")) yield { object, ...place };
  }
  for (const warning of theirs.warnings)
    if (!ours.warnings.includes(warning)) yield { object: "", field: "warnings", ours: undefined, theirs: warning };
}

function* eventDifferences(ours: readonly RecordedEvent[], theirs: readonly RecordedEvent[]): Generator<Difference> {
  const all = [readinessEvents(ours), readinessEvents(theirs)] as const;
  const objects = new Set(all.flat().map(({ object }) => object));
  for (const object of objects) {
    const [mine, their] = all.map((events) =>
      events
        .filter((event) => event.object === object)
        .map(({ type, reason, message }) => `${type} ${reason}: ${message}`),
    );
    if (mine?.join("\n") !== their?.join("\n")) yield { step: -1, object, field: "events", ours: mine, theirs: their };
  }
}

export interface CompareOptions {
  readonly knows?: Knows;
  /** How many steps ours played; the others are not compared. */
  readonly steps?: number;
  readonly events?: boolean;
}

const identity = ({ object, field, ours, theirs }: Omit<Difference, "step">): string =>
  JSON.stringify([object, field, ours, theirs]);

/** Each difference once, at the first step that shows it. */
export function compare(ours: Recording, theirs: Recording, options: CompareOptions = {}): Difference[] {
  const { knows = () => true, steps = theirs.steps.length, events = true } = options;
  const found = new Map<string, Difference>();
  for (const [step, their] of theirs.steps.slice(0, steps).entries()) {
    const mine = ours.steps[step] ?? { objects: {}, refusals: [], warnings: [] };
    const all = [...refusalDifferences(mine, their), ...stateDifferences(mine.objects, their.objects, knows)];
    for (const difference of all)
      if (!found.has(identity(difference))) found.set(identity(difference), { step, ...difference });
  }
  const ofEvents = events ? [...eventDifferences(ours.events, theirs.events)] : [];
  return [...found.values(), ...ofEvents];
}
