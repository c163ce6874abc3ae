// SPDX-License-Identifier: Apache-2.0
// Prints the results as the Markdown table of README.md: `node bench/operator/table.ts [FILE…]`, by default all of results/.
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Figures } from "./measure.ts";
import type { Result } from "./run.ts";

const folder = join(import.meta.dirname, "results");

const head = [
  ...["run", "operator", "children s (p50 / p99)", "Ready s", "calls per service create / ready / restart / delete"],
  ...["operator CPU s create / ready / restart", "API server + etcd CPU s create / ready", "RSS peak MiB", "idle mCPU"],
  ...["gone s", "others % create / ready"],
];

const percent = (share: number): string => `${Math.round(share * 100)}`;
const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

function cells(run: string, operator: string, figures: Figures): string[] {
  const { create, ready, idle, restart, delete: deleted } = figures;
  const plane = ({ cpuSeconds }: Figures["ready"]): string => (cpuSeconds.apiServer + cpuSeconds.etcd).toFixed(1);
  const peak = Math.max(idle.memory.peakMebibytes, restart.memory.peakMebibytes, deleted.memory.peakMebibytes);
  const again = `${restart.calls.perService} (${restart.calls.inNamespacePerService} of services)`;
  const calls = [create.calls.perService, ready.calls.perService, again, deleted.calls.perService];
  return [
    run,
    operator,
    `${create.wallSeconds} (${create.latencySeconds.p50} / ${create.latencySeconds.p99})`,
    `${ready.wallSeconds}`,
    calls.join(" / "),
    [create.cpuSeconds.operator, ready.cpuSeconds.operator, restart.cpuSeconds].join(" / "),
    `${plane(create)} / ${plane(ready)}`,
    `${peak}`,
    `${idle.millicores}`,
    `${deleted.wallSeconds}`,
    `${percent(create.othersShareOfMachine)} / ${percent(ready.othersShareOfMachine)}`,
  ];
}

/** Results of an earlier form of the bench have no such figures. */
const isResult = (value: object): value is Result => "ratio" in value && "serval" in value;

/** Pure. Rows in the order of the number of services. */
export function table(results: readonly { readonly name: string; readonly result: Result }[]): string {
  const sorted = results.toSorted((a, b) => a.result.services - b.result.services);
  const rows = sorted.flatMap(({ name, result: { kserve, serval } }) => [
    ...(kserve === undefined ? [] : [row(cells(name, "KServe", kserve))]),
    row(cells(name, "Serval", serval)),
  ]);
  return [row(head), row(head.map(() => "---")), ...rows].join("\n");
}

async function main(): Promise<void> {
  const named = process.argv.slice(2);
  const found = (await readdir(folder)).filter((name) => name.endsWith(".json")).map((name) => join(folder, name));
  const read = await Promise.all(
    (named.length > 0 ? named : found).map(async (path) => ({
      name: basename(path, ".json"),
      result: JSON.parse(await readFile(path, "utf8")) as Result,
    })),
  );
  process.stdout.write(`${table(read.filter(({ result }) => isResult(result)))}\n`);
}

if (import.meta.main) await main();
