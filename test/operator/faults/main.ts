// SPDX-License-Identifier: Apache-2.0
// Plays every story under every fault and prints a line of JSON for each fault. A process of its own: under the test runner,
// which follows every promise, it takes several times as long. Each fault is tried at calls chosen by chance;
// SERVAL_FAULTS=all tries it at every call of every story, SERVAL_FAULT_SEED repeats a choice, SERVAL_FAULT_STORY plays one
// story only.
import { callFaults, disturbers } from "./faults.ts";
import { type FaultHome, startFaultHome } from "./home.ts";
import { type CallLog, createCallLog, type Played, playDisturbed, playReference, type Reference } from "./run.ts";
import { stories } from "./stories.ts";

const isComplete = process.env["SERVAL_FAULTS"] === "all";
const seed = Number(process.env["SERVAL_FAULT_SEED"] ?? Math.floor(Math.random() * 1e6));
const only = process.env["SERVAL_FAULT_STORY"];
/** Calls tried for each story and fault, unless all are. */
const callSamples = 2;
const worldSamples = 1;

/** Numbers from 0 to 1, the same for the same seed. */
function chance(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
const random = chance(seed);

/** `count` different numbers of 1 to `max`, or all of them. */
function callNumbers(max: number, count: number): number[] {
  const numbers = Array.from({ length: max }, (_, index) => index + 1);
  if (isComplete) return numbers;
  return numbers
    .map((number) => ({ number, order: random() }))
    .toSorted((a, b) => a.order - b.order)
    .slice(0, count)
    .map(({ number }) => number);
}

interface Case {
  readonly reference: Reference;
  readonly namespace: string;
  /** The fault happens at this call. */
  readonly at: number;
}

interface Outcome extends Case {
  readonly played: Played;
}

/** Lines about everything that is not as it should be. `allowed`: calls beyond those of the undisturbed run. */
function failures(outcomes: readonly Outcome[], happened: ReadonlySet<string>, allowed: (calls: number) => number) {
  return outcomes.flatMap(({ reference, namespace, at, played }) => {
    const where = `${reference.story.name}, call ${at} (${reference.calls[at - 1]})`;
    const lines = played.problems.map((line) => `${where}: ${line}`);
    const usual = reference.calls.length;
    if (played.calls.length > usual + allowed(usual))
      lines.push(`${where}: ${played.calls.length} calls, ${usual} undisturbed: ${played.calls.join(", ")}`);
    // Another run may do with a call less than the first one did.
    if (!happened.has(namespace) && played.calls.length >= at) lines.push(`${where}: the fault never happened`);
    return lines;
  });
}

/** What is printed for a fault. */
export interface FaultReport {
  readonly name: string;
  readonly runs: number;
  readonly slowestMs: number;
  /** Calls beyond those of the undisturbed run, at most. */
  readonly moreCalls: number;
  readonly seed: number;
  readonly failures: readonly string[];
}

type Start = (home: FaultHome, log: CallLog) => Promise<unknown>;

/** Every story has its own silent watch, and all of a batch wait for all of them; only a failure waits this out. */
const patience = { deadlineMs: 120_000 };

/** As many as one home plays at once without everyone waiting for everyone. */
const batchSize = 24;

async function play(cases: readonly Case[], start: Start): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let next = 0; next < cases.length; next += batchSize)
    outcomes.push(...(await playBatch(cases.slice(next, next + batchSize), start)));
  return outcomes;
}

async function playBatch(cases: readonly Case[], start: Start): Promise<Outcome[]> {
  const home = await startFaultHome();
  const log = createCallLog();
  await start(home, log);
  const outcomes = await Promise.all(
    cases.map(async (one) => ({ ...one, played: await playDisturbed(home, log, { ...one, ...patience }) })),
  );
  await home.close();
  return outcomes;
}

const casesOf = (references: readonly Reference[], count: number): Case[] =>
  references.flatMap((reference, story) =>
    callNumbers(reference.calls.length, count).map((at) => ({ reference, at, namespace: `f-${story}-${at}x` })),
  );

function reported(name: string, outcomes: readonly Outcome[], lines: readonly string[]): void {
  const report: FaultReport = {
    name,
    runs: outcomes.length,
    slowestMs: Math.round(Math.max(...outcomes.map(({ played }) => played.ms))),
    moreCalls: Math.max(...outcomes.map(({ played, reference }) => played.calls.length - reference.calls.length)),
    seed,
    failures: lines,
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

async function playCallFault(name: string, references: readonly Reference[]): Promise<void> {
  const fault = callFaults[name];
  if (fault === undefined) return;
  const cases = casesOf(references, callSamples);
  const happened = new Set<string>();
  const due = new Map(cases.map(({ namespace, at }) => [namespace, at]));
  const outcomes = await play(cases, (home, log) =>
    home.start((transport) =>
      log.through(transport, ({ namespace, number, request }, next) => {
        if (due.get(namespace) !== number) return next();
        happened.add(namespace);
        return fault(next, request);
      }),
    ),
  );
  reported(
    name,
    outcomes,
    failures(outcomes, happened, () => 12),
  );
}

async function playDisturber(name: string, references: readonly Reference[]): Promise<void> {
  const disturber = disturbers[name];
  if (disturber === undefined) return;
  const cases = casesOf(references, worldSamples);
  const happened = new Set<string>();
  const due = new Map(cases.map(({ namespace, at }) => [namespace, at]));
  const outcomes = await play(cases, (home, log) =>
    disturber.start(home, log, ({ namespace, number }) => {
      // At the first call from there on: a disturbance of another story may have spared some.
      if (number < (due.get(namespace) ?? Number.POSITIVE_INFINITY) || happened.has(namespace)) return false;
      happened.add(namespace);
      return true;
    }),
  );
  reported(
    name,
    outcomes,
    failures(outcomes, happened, (usual) => usual + 20),
  );
}

async function playReferences(): Promise<readonly Reference[]> {
  const home = await startFaultHome();
  const log = createCallLog();
  const { operator } = await home.start((transport) => log.through(transport));
  const references = await Promise.all(
    stories
      .filter(({ name }) => only === undefined || name === only)
      .map((story, index) => playReference(home, log, { story, operator, namespace: `r-${index}x` })),
  );
  await home.close();
  return references;
}

if (import.meta.main) {
  const references = await playReferences();
  const plays = [
    ...Object.keys(callFaults).map((name) => () => playCallFault(name, references)),
    ...Object.keys(disturbers).map((name) => () => playDisturber(name, references)),
  ];
  // Most of the time everyone waits.
  const worker = async (): Promise<void> => {
    for (let next = plays.shift(); next !== undefined; next = plays.shift()) await next();
  };
  await Promise.all([worker(), worker(), worker()]);
}
