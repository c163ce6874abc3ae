// SPDX-License-Identifier: Apache-2.0
// How long a newcomer waits; see README.md.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs, promisify } from "node:util";
import { kubectlPath } from "../../test/kubectl.ts";
import { freePort } from "../predictor/servers.ts";
import { secondsUntil, startHome } from "./home.ts";
import { mlserverVersion, timeMlserver, timeServe } from "./peer.ts";

const examples = fileURLToPath(new URL("../../examples/", import.meta.url));
const model = join(examples, "models/cancer-xgboost/model.json");
const name = "xgboost-cancer";
const round = (value: number): number => Number(value.toFixed(3));

interface Round {
  readonly upToApiSeconds: number;
  readonly applyToPredictionSeconds: number;
  readonly secondStartSeconds: number;
  /** `serval serve` alone, to its first prediction: what the peer's figure compares with. */
  readonly serveSeconds: number;
  readonly peerSeconds?: number;
  readonly loadAverage: number;
}

/** The example's manifest with the folder of this clone in its URI. */
async function manifest(dir: string): Promise<string> {
  const text = await readFile(join(examples, "quickstart", `${name}.yaml`), "utf8");
  const path = join(dir, "service.yaml");
  await writeFile(path, text.replaceAll("file:///examples/", pathToFileURL(examples).href));
  return path;
}

async function timeApply(kubectl: string, kubeconfig: string, context: { dir: string; port: number; body: string }) {
  const file = await manifest(context.dir);
  const startedAt = performance.now();
  await promisify(execFile)(kubectl, ["--kubeconfig", kubeconfig, "apply", "-f", file]);
  const url = `http://127.0.0.1:${context.port}/serving/default/${name}/v2/models/${name}/infer`;
  const headers = { "content-type": "application/json" };
  return secondsUntil(startedAt, async () => {
    const response = await fetch(url, { method: "POST", headers, body: context.body });
    await response.arrayBuffer();
    return response.status === 200;
  });
}

async function timeSecondStart(dataDir: string, port: number): Promise<number> {
  const first = startHome({ dataDir, port, example: "quickstart" });
  await first.line("Serving.").finally(() => first.stop());
  const second = startHome({ dataDir, port, example: "quickstart" });
  return second.line("Serving.").finally(() => second.stop());
}

async function oneRound(kubectl: string, python: string | undefined): Promise<Round> {
  const dir = await mkdtemp(join(tmpdir(), "serval-bench-start-"));
  try {
    const body = await readFile(join(examples, "quickstart/requests", `${name}.json`), "utf8");
    const port = await freePort();
    const dataDir = join(dir, "home");
    const home = startHome({ dataDir, port });
    const times = await (async () => {
      const upToApiSeconds = await home.apiReady();
      await home.line("Gateway");
      return {
        upToApiSeconds,
        applyToPredictionSeconds: await timeApply(kubectl, home.kubeconfig, { dir, port, body }),
      };
    })().finally(() => home.stop());
    const secondStartSeconds = await timeSecondStart(join(dir, "three"), port);
    const peer = python === undefined ? {} : { peerSeconds: round(await timeMlserver(python, model, body)) };
    return {
      upToApiSeconds: round(times.upToApiSeconds),
      applyToPredictionSeconds: round(times.applyToPredictionSeconds),
      secondStartSeconds: round(secondStartSeconds),
      serveSeconds: round(await timeServe(model, body)),
      ...peer,
      loadAverage: round(loadavg()[0] as number),
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;

function summary(rounds: readonly Round[]) {
  const of = (key: keyof Round) => {
    const values = rounds.flatMap((measured) => measured[key] ?? []);
    return values.length === 0
      ? undefined
      : { median: median(values), min: Math.min(...values), max: Math.max(...values) };
  };
  return {
    upToApiSeconds: of("upToApiSeconds"),
    applyToPredictionSeconds: of("applyToPredictionSeconds"),
    secondStartSeconds: of("secondStartSeconds"),
    serveSeconds: of("serveSeconds"),
    peerSeconds: of("peerSeconds") ?? "skipped: name a Python with mlserver by --peer",
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: "string", default: "3" }, peer: { type: "string" }, save: { type: "boolean" } },
  });
  const kubectl = await kubectlPath();
  if (kubectl === undefined) throw new Error("skip: no kubectl for this platform (test/kubectl.ts)");
  const warmUp = await oneRound(kubectl, values.peer);
  const rounds: Round[] = [];
  for (let index = 0; index < Number(values.rounds); index++) rounds.push(await oneRound(kubectl, values.peer));
  const result = {
    date: new Date().toISOString(),
    machine: { cpu: cpus()[0]?.model, cores: availableParallelism(), memory: totalmem(), kernel: release() },
    versions: {
      node: process.version,
      ...(values.peer === undefined ? {} : { mlserver: await mlserverVersion(values.peer) }),
    },
    summary: summary(rounds),
    rounds,
    warmUp,
  };
  const text = `${JSON.stringify(result, undefined, 2)}\n`;
  process.stdout.write(text);
  if (values.save === true) {
    await mkdir(new URL("results/", import.meta.url), { recursive: true });
    await writeFile(new URL(`results/${result.date.slice(0, 10)}.json`, import.meta.url), text);
  }
}

await main();
