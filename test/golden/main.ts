// SPDX-License-Identifier: Apache-2.0
// `npm run golden -- --cases DIR [--cases DIR …] [--context DIR] --home pure|embedded|cluster [--only NAME] [--verbose]`:
// recorded cases of KServe's real controllers against ours. `--strict`: an entry of deviations.yaml that covers nothing
// is a failure too (all its cases must run). `--list FILE`: only the cases that the file names, one a line.
import { appendFileSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type FoundCase, readCases, UsageError } from "./case.ts";
import { readDeviations, staleDeviations } from "./deviations.ts";
import type { Home } from "./home.ts";
import { countsLine, countsOf, staleLine, verdictLines } from "./report.ts";
import { runCases } from "./run.ts";

const homes: Readonly<Record<string, () => Promise<Home>>> = {
  pure: async () => (await import("./homes/pure.ts")).pureHome(),
  embedded: async () => (await import("./homes/embedded.ts")).embeddedHome(),
  cluster: async () => (await import("./homes/cluster.ts")).clusterHome(),
};

const usage =
  "npm run golden -- --cases DIR [--cases DIR …] [--context DIR] --home pure|embedded|cluster [--only NAME …] [--list FILE] [--verbose] [--strict]";

const linesOf = (path: string): string[] => readFileSync(path, "utf8").split("\n").filter(Boolean);

/** Every name of a list must be a case: a sample that shrinks unseen proves less each time. */
function listed(found: readonly FoundCase[], path: string | undefined): readonly FoundCase[] {
  if (path === undefined) return found;
  const names = linesOf(path);
  const chosen = found.filter(({ golden }) => names.includes(golden.case));
  const missing = names.filter((name) => !chosen.some(({ golden }) => golden.case === name));
  if (missing.length > 0) throw new UsageError(`${path} names cases that are not there: ${missing.join(", ")}`);
  return chosen;
}

function options(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      cases: { type: "string", multiple: true },
      context: { type: "string" },
      home: { type: "string" },
      only: { type: "string", multiple: true },
      list: { type: "string" },
      verbose: { type: "boolean" },
      strict: { type: "boolean" },
    },
  });
  const { cases = [], home = "", only = [] } = values;
  if (cases.length === 0) throw new UsageError(`--cases is missing: ${usage}`);
  const start = homes[home];
  if (start === undefined) throw new UsageError(`--home must be one of ${Object.keys(homes).join(", ")}: ${usage}`);
  const found = listed(
    cases.flatMap((folder) => readCases(folder, values.context)),
    values.list,
  );
  const isChosen = ({ golden }: FoundCase): boolean =>
    only.length === 0 || only.some((text) => golden.case.includes(text));
  return { start, found: found.filter(isChosen), verbose: values.verbose === true, strict: values.strict === true };
}

async function main(args: readonly string[]): Promise<number> {
  const { start, found, verbose, strict } = options(args);
  if (found.length === 0) throw new UsageError("no case has such a name; look at the folders of --cases");
  const deviations = readDeviations();
  const home = await start();
  const say = (line: string): void => console.log(line);
  try {
    const verdicts = await runCases(found, {
      home,
      deviations,
      onVerdict: (verdict) => {
        if (verdict.result === "failed") for (const line of verdictLines(verdict, verbose)) say(line);
        else if (verbose) say(`${verdict.result === "passed" ? "✔" : "~"} ${verdict.name}`);
      },
    });
    const stale = strict ? staleDeviations(deviations, verdicts, home.name) : [];
    for (const deviation of stale) say(staleLine(deviation));
    const counts = countsOf(verdicts);
    const failed = counts.failed + stale.length;
    if (process.env["SERVAL_TEST_COUNTS"] !== undefined)
      appendFileSync(
        process.env["SERVAL_TEST_COUNTS"],
        `${JSON.stringify({ passed: counts.passed + counts.deviating, failed, skipped: 0 })}\n`,
      );
    say(countsLine({ ...counts, failed }));
    return failed === 0 ? 0 : 1;
  } finally {
    await home.close();
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isUsage =
    error instanceof UsageError || (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS") === true;
  console.error(isUsage ? (error as Error).message : error);
  process.exitCode = 2;
}
