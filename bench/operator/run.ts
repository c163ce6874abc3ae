// SPDX-License-Identifier: Apache-2.0
// N InferenceServices on a real API server: time, calls, processor time and memory of `serval operator`. See README.md.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { inferenceServices, resources } from "@serval/api";
import { benchNamespace, type ControlPlane, operatorCalls, startControlPlane, until } from "./control-plane.ts";
import { acceptRoutes, createServices, isReady, makePodsReady, untilCount } from "./load.ts";
import { cpuSeconds, type OperatorProcess, peakMebibytes, startOperatorProcess } from "./processes.ts";

const quietMs = 3_000;

interface Phase {
  readonly wallSeconds: number;
  readonly calls: number;
  readonly callsPerService: number;
  readonly byVerb: Readonly<Record<string, number>>;
  readonly cpuSeconds: { operator: number; apiServer: number; etcd: number };
  readonly loadAverage: number;
}

interface Measured {
  readonly home: ControlPlane;
  readonly operator: OperatorProcess;
  readonly services: number;
}

const round = (value: number, digits = 2): number => Number(value.toFixed(digits));

async function processTimes({ home, operator }: Measured) {
  const [own, apiServer, etcd] = await Promise.all(
    [operator.pid, home.api.apiServerPid, home.api.etcdPid].map(cpuSeconds),
  );
  return { operator: own as number, apiServer: apiServer as number, etcd: etcd as number };
}

/** Where the audit log ends once the operator has been quiet. */
async function untilQuiet({ home }: Measured, from: number): Promise<string[]> {
  let [seen, since] = [-1, performance.now()];
  return until("the operator is quiet", async () => {
    const { calls } = await operatorCalls(home.auditLog, from);
    if (calls.length !== seen) [seen, since] = [calls.length, performance.now()];
    return performance.now() - since >= quietMs ? calls : undefined;
  });
}

const isWatch = (call: string): boolean => call.startsWith("watch ") || call.startsWith("list ");

function counted(calls: readonly string[], services: number): Pick<Phase, "calls" | "callsPerService" | "byVerb"> {
  const byVerb: Record<string, number> = {};
  for (const call of calls) byVerb[call] = (byVerb[call] ?? 0) + 1;
  const own = calls.filter((call) => !isWatch(call) && !call.includes("(discovery)")).length;
  return { calls: own, callsPerService: round(own / services), byVerb };
}

/** Runs `act`, takes the time until it is done, then counts until the operator is quiet. */
async function phase(measured: Measured, act: () => Promise<void>): Promise<Phase> {
  const { end } = await operatorCalls(measured.home.auditLog, 0);
  const before = await processTimes(measured);
  const startedAt = performance.now();
  await act();
  const wallSeconds = round((performance.now() - startedAt) / 1000);
  const calls = await untilQuiet(measured, end);
  const after = await processTimes(measured);
  const spent = (name: keyof typeof before): number => round(after[name] - before[name]);
  return {
    wallSeconds,
    ...counted(calls, measured.services),
    cpuSeconds: { operator: spent("operator"), apiServer: spent("apiServer"), etcd: spent("etcd") },
    loadAverage: round(loadavg()[0] as number),
  };
}

async function createAll({ home: { api }, services }: Measured): Promise<void> {
  const kinds = [resources.deployments, resources.services, resources.horizontalPodAutoscalers];
  const all = Promise.all(kinds.map((type) => untilCount(api.cluster, type as never, { count: services })));
  await createServices(api.cluster, services);
  await all;
}

async function readyAll({ home: { api }, services }: Measured): Promise<void> {
  const all = untilCount(api.cluster, inferenceServices, { count: services, passes: isReady });
  await makePodsReady(api.cluster);
  await all;
}

async function measure(home: ControlPlane, services: number, dir: string) {
  const { api, auditLog } = home;
  const stop = new AbortController();
  acceptRoutes(api.cluster, stop.signal);
  let operator = await startOperatorProcess(api.kubeconfig, dir);
  try {
    const measured = { home, operator, services };
    const idleMebibytes = await peakMebibytes(operator.pid);
    const created = await phase(measured, () => createAll(measured));
    await until("one pod per service", async () => {
      const { items } = await api.cluster.list(resources.pods, { namespace: benchNamespace });
      return items.length >= services ? true : undefined;
    });
    const ready = await phase(measured, () => readyAll(measured));
    const peakMemoryMebibytes = await peakMebibytes(operator.pid);
    await operator.stop();
    const { end } = await operatorCalls(auditLog, 0);
    operator = await startOperatorProcess(api.kubeconfig, dir);
    const calls = await untilQuiet({ ...measured, operator }, end);
    const restart = {
      ...counted(calls, services),
      cpuSeconds: await cpuSeconds(operator.pid),
      peakMemoryMebibytes: await peakMebibytes(operator.pid),
    };
    return { services, create: created, ready, restart, idleMebibytes, peakMemoryMebibytes };
  } finally {
    stop.abort();
    await operator.stop();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { n: { type: "string", default: "100" }, ingress: { type: "boolean" }, save: { type: "boolean" } },
  });
  const services = Number(values.n);
  const loadBefore = round(loadavg()[0] as number);
  const dir = await mkdtemp(join(tmpdir(), "serval-bench-operator-"));
  const home = await startControlPlane(values.ingress === true);
  try {
    const figures = await measure(home, services, dir);
    const result = {
      date: new Date().toISOString(),
      machine: { cpu: cpus()[0]?.model, cores: availableParallelism(), memory: totalmem(), kernel: release() },
      versions: { node: process.version, kubernetes: "v1.34.3" },
      routes: values.ingress === true ? "ingress" : "gateway-api",
      loadAverageBefore: loadBefore,
      ...figures,
    };
    const text = `${JSON.stringify(result, undefined, 2)}\n`;
    process.stdout.write(text);
    const name = `${result.date.slice(0, 10)}-n${services}${values.ingress === true ? "-ingress" : ""}.json`;
    if (values.save === true) {
      await mkdir(new URL("results/", import.meta.url), { recursive: true });
      await writeFile(new URL(`results/${name}`, import.meta.url), text);
    }
  } finally {
    await home.close();
    await rm(dir, { recursive: true, force: true });
  }
}

await main();
