// SPDX-License-Identifier: Apache-2.0
// Compares our patches and schema functions with Kubernetes' own code on random cases:
//   node test/oracle/run.ts [--cases 10000] [--seed N] [--record]
// `--record` writes the answers to recorded.jsonl.gz, the fixture of machines without Go.
import { randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { type Request, requests } from "./cases.ts";
import { differences } from "./compare.ts";
import { askOracle, buildOracle, hasGo } from "./go.ts";
import { type Answer, Ours } from "./ours.ts";
import { definitions, publishedDefinitions } from "./schemas.ts";

const shownDifferences = 10;

function* withoutRoots(list: readonly Request[], published: unknown): Generator<unknown> {
  yield { kind: "definitions", schema: "built-in", definitions: published };
  for (const request of list) yield { ...request, root: undefined };
}

interface Tally {
  passed: number;
  failed: number;
  /** Where Kubernetes' own code panics; ours must answer or refuse, but there is nothing to compare with. */
  panics: number;
}

function judge(request: Request, theirs: Answer, { ours, tally, log, label }: Judging): void {
  if (theirs["broken"] !== undefined)
    throw new Error(`${label}: the oracle could not read the case: ${theirs["broken"]}`);
  const mine = ours.answer(request);
  if (request.kind === "crd") return;
  if (theirs["panic"] !== undefined) {
    tally.panics++;
    return;
  }
  const found = differences(theirs, mine);
  if (found.length === 0) tally.passed++;
  else if (++tally.failed <= shownDifferences)
    log([`${label} (${request.kind}): Kubernetes' → ours`, ...found.map((line) => `  ${line}`)].join("\n"));
}

interface Judging {
  readonly ours: Ours;
  readonly tally: Tally;
  readonly log: (line: string) => void;
  readonly label: string;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      cases: { type: "string" },
      seed: { type: "string" },
      only: { type: "string" },
      record: { type: "boolean" },
      show: { type: "boolean" },
    },
  });
  const log = (line: string): void => void process.stdout.write(`${line}\n`);
  if (!hasGo()) {
    log("skipped: Go is not installed; the recorded answers (recorded.jsonl.gz) are compared by `npm test` instead");
    return 0;
  }
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
  const count = Number(values.cases ?? (values.record === true ? 500 : 10_000));
  const program = buildOracle(process.env, log);
  log(`seed ${seed}, ${count} cases`);
  const all = definitions();
  const list = [...requests(seed, count, all)];
  const ours = new Ours(all);
  const tally: Tally = { passed: 0, failed: 0, panics: 0 };
  const recorded: string[] = [];
  let at = -1;
  let number = -1;
  for await (const answer of askOracle(program, withoutRoots(list, publishedDefinitions(all)))) {
    const request = list[at++];
    if (request === undefined) continue; // the definitions
    if (request.kind !== "crd") number++;
    if (values.only !== undefined && request.kind !== "crd" && number !== Number(values.only)) continue;
    judge(request, answer, { ours, tally, log, label: `seed ${seed} case ${number}` });
    if (values.show === true && request.kind !== "crd")
      log(JSON.stringify({ request, theirs: answer, ours: ours.answer(request) }, null, 1));
    if (values.record === true && answer["panic"] === undefined) recorded.push(JSON.stringify({ request, answer }));
  }
  if (values.record === true)
    writeFileSync(new URL("recorded.jsonl.gz", import.meta.url), gzipSync(recorded.join("\n"), { level: 9 }));
  if (tally.panics > 0) log(`${tally.panics} cases in which Kubernetes' own code panics were not compared`);
  log(`${tally.passed} passed, ${tally.failed} failed`);
  return tally.failed === 0 ? 0 : 1;
}

process.exitCode = await main();
