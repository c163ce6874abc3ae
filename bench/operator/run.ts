// SPDX-License-Identifier: Apache-2.0
// N InferenceServices on a real API server, under `serval operator` and, where its program is given, under KServe's own
// manager before: time, calls, processor time and memory. See README.md.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { kserve } from "./kserve.ts";
import { type Figures, type MeasureOptions, measure } from "./measure.ts";
import { bundleServal, serval } from "./serval.ts";
import { comparable, recordedFigures, type Verdict, verdict } from "./verdict.ts";

export interface Result {
  readonly date: string;
  readonly services: number;
  readonly routes: "gateway-api" | "ingress";
  readonly machine: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly loadAverage: { readonly before: number; readonly after: number };
  readonly comparedWith: "kserve-beside" | "kserve-recorded" | "nothing";
  readonly ratio: Verdict;
  readonly serval: Figures;
  readonly kserve?: Figures;
}

const load = (): number => Number((loadavg()[0] ?? 0).toFixed(2));
const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** KServe first: what the machine's caches learn is then to nobody's credit twice. */
async function compare(options: MeasureOptions, manager: string | undefined): Promise<Result> {
  const before = load();
  const dir = await mkdtemp(join(tmpdir(), "serval-bench-bundle-"));
  try {
    const main = await bundleServal(dir);
    const theirs = manager === undefined ? undefined : await measure(kserve(manager), options);
    const ours = await measure(serval(main), options);
    const other = theirs === undefined ? recordedFigures(options.services) : comparable(theirs);
    const beside = theirs === undefined ? ("kserve-recorded" as const) : ("kserve-beside" as const);
    return {
      date: new Date().toISOString(),
      services: options.services,
      routes: options.ingress ? "ingress" : "gateway-api",
      machine: { cpu: cpus()[0]?.model, cores: availableParallelism(), memory: totalmem(), kernel: release() },
      versions: { node: process.version, kubernetes: "v1.34.3" },
      loadAverage: { before, after: load() },
      comparedWith: other === undefined ? "nothing" : beside,
      ratio: verdict(ours, other),
      serval: ours,
      ...(theirs === undefined ? {} : { kserve: theirs }),
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function save(result: Result): Promise<void> {
  const folder = new URL("results/", import.meta.url);
  const parts = [
    result.date.slice(0, 10),
    `n${result.services}`,
    ...(result.routes === "ingress" ? ["ingress"] : []),
    ...(result.kserve === undefined ? [] : ["paired"]),
  ];
  await mkdir(folder, { recursive: true });
  await writeFile(new URL(`${parts.join("-")}.json`, folder), `${JSON.stringify(result, undefined, 2)}\n`);
}

function report({ ratio, comparedWith }: Result): void {
  say(`against ${comparedWith}:`);
  for (const [name, { value, limit, holds }] of Object.entries(ratio))
    say(`  ${holds ? "holds " : "MISSED"}  ${name} ${value} (at most ${limit})`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      n: { type: "string", default: "100" },
      ingress: { type: "boolean", default: false },
      manager: { type: "string" },
      save: { type: "boolean", default: false },
    },
  });
  const services = Number(values.n);
  if (!Number.isInteger(services) || services < 1) throw new Error(`--n "${values.n}" is not a number of services`);
  const result = await compare({ services, ingress: values.ingress, say }, values.manager);
  process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
  report(result);
  if (values.save) await save(result);
}

// The processes that it started end with it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
await main();
