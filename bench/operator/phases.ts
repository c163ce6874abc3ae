// SPDX-License-Identifier: Apache-2.0
// One phase: an act, the marks that it reached, and what everybody spent until the operator was quiet again.
import { availableParallelism } from "node:os";
import { type Count, counted } from "./audit.ts";
import { benchNamespace, type ControlPlane, until } from "./control-plane.ts";
import { cpuSeconds, type Memory, MemorySamples, machineSeconds, memoryOf, type OperatorProcess } from "./processes.ts";

const quietMs = 5_000;
/** An operator that goes on calling for so long, or thrice as long as the act took, will not stop. */
const restlessMs = 60_000;
const restlessMsPerService = 100;

export interface Measured {
  readonly plane: ControlPlane;
  readonly operator: OperatorProcess;
  readonly services: number;
}

/** Processor seconds by who used them. */
export interface Spent {
  readonly operator: number;
  readonly apiServer: number;
  readonly etcd: number;
  readonly controllerManager: number;
  readonly bench: number;
  /** Nobody of these: where it is much, the figures are worth little. */
  readonly others: number;
}

export interface Phase {
  /** From the beginning to the end of the act. */
  readonly wallSeconds: number;
  /** Further moments of the act, in seconds from its beginning. */
  readonly marks: Readonly<Record<string, number>>;
  /** From the beginning to the operator's last call. */
  readonly lastCallSeconds: number;
  /** False: it never stopped calling, and the count was ended. */
  readonly isQuiet: boolean;
  /** The whole span that calls and processor time are counted over. */
  readonly countedSeconds: number;
  readonly calls: Count;
  readonly cpuSeconds: Spent;
  readonly othersShareOfMachine: number;
  readonly memory: Memory & { readonly highestMebibytes: number };
}

export const round = (value: number, digits = 2): number => Number(value.toFixed(digits));

const shares = ["operator", "apiServer", "etcd", "controllerManager", "bench"] as const;
type Clock = Readonly<Record<(typeof shares)[number] | "machine" | "at", number>>;

async function clock({ plane, operator }: Measured): Promise<Clock> {
  const { user, system } = process.cpuUsage();
  const [own, apiServer, etcd, controllerManager, machine] = await Promise.all([
    cpuSeconds(operator.pid),
    cpuSeconds(plane.api.apiServerPid),
    cpuSeconds(plane.api.etcdPid),
    cpuSeconds(plane.managerPid),
    machineSeconds(),
  ]);
  const bench = (user + system) / 1e6;
  return { operator: own, apiServer, etcd, controllerManager, bench, machine, at: performance.now() };
}

function between(before: Clock, after: Clock): { cpuSeconds: Spent; countedSeconds: number; others: number } {
  const known = Object.fromEntries(shares.map((name) => [name, round(after[name] - before[name])]));
  const sum = shares.reduce((total, name) => total + after[name] - before[name], 0);
  // The counters tick a hundred times a second, each at its own moment.
  const others = Math.max(0, round(after.machine - before.machine - sum));
  const countedSeconds = round((after.at - before.at) / 1000);
  return { cpuSeconds: { ...known, others } as unknown as Spent, countedSeconds, others };
}

interface Quiet {
  readonly quietMs: number;
  readonly limitMs: number;
}

/** Resolves when the operator has made no call but watches for a while; with false when it does not rest. */
async function untilQuiet({ plane, operator }: Measured, { quietMs: quiet, limitMs }: Quiet): Promise<boolean> {
  const since = Date.now();
  let [seen, last] = [0, Math.max(since, operator.startedAt)];
  return until(
    "the operator is quiet",
    async () => {
      const calls = await plane.audit.read();
      for (const { verb, at } of calls.slice(seen)) if (verb !== "watch") last = Math.max(last, at);
      seen = calls.length;
      if (Date.now() - last >= quiet) return true;
      return Date.now() - since > limitMs ? false : undefined;
    },
    2 * limitMs,
  );
}

export interface Act {
  /** What is done; the marks that it returns are moments of `performance.now()`. */
  act(): Promise<Readonly<Record<string, number>>>;
  /** Others may have to be done as well before the count ends. */
  settled?(): Promise<unknown>;
  readonly quietMs?: number;
}

/** @throws Error when the operator ends by itself. */
export async function phase(measured: Measured, { act, settled, quietMs: quiet = quietMs }: Act): Promise<Phase> {
  const { plane, operator, services } = measured;
  const from = (await plane.audit.read()).length;
  const samples = new MemorySamples(operator.pid);
  try {
    const before = await clock(measured);
    const [startedAt, startedDate] = [performance.now(), Date.now()];
    const found = await Promise.race([act(), operator.failed]);
    const wallSeconds = round((performance.now() - startedAt) / 1000);
    await Promise.race([settled?.(), operator.failed]);
    const limitMs = Math.max(restlessMs, 3_000 * wallSeconds);
    const isQuiet = await Promise.race([untilQuiet(measured, { quietMs: quiet, limitMs }), operator.failed]);
    const after = await clock(measured);
    const calls = (await plane.audit.read()).slice(from);
    const last = calls.reduce(
      (latest, { at, verb }) => (verb === "watch" ? latest : Math.max(latest, at)),
      startedDate,
    );
    const { others, ...spent } = between(before, after);
    return {
      wallSeconds,
      marks: Object.fromEntries(Object.entries(found).map(([name, at]) => [name, round((at - startedAt) / 1000)])),
      lastCallSeconds: round((last - startedDate) / 1000),
      isQuiet,
      calls: counted(calls, services, benchNamespace),
      ...spent,
      othersShareOfMachine: round(others / spent.countedSeconds / availableParallelism()),
      memory: { ...(await memoryOf(operator.pid)), highestMebibytes: samples.stop() },
    };
  } finally {
    samples.stop();
  }
}

export interface Start {
  readonly isQuiet: boolean;
  readonly secondsToReady: number;
  readonly lastCallSeconds: number;
  readonly calls: Count;
  readonly cpuSeconds: number;
  readonly memory: Memory;
}

/** What a start cost, from the process's first moment until it is quiet. @param from index of its first call. */
export async function started(measured: Measured, from: number, quiet: number): Promise<Start> {
  const { plane, operator, services } = measured;
  const limitMs = restlessMs + services * restlessMsPerService;
  const isQuiet = await Promise.race([untilQuiet(measured, { quietMs: quiet, limitMs }), operator.failed]);
  const calls = (await plane.audit.read()).slice(from);
  const last = calls.reduce(
    (latest, { at, verb }) => (verb === "watch" ? latest : Math.max(latest, at)),
    operator.startedAt,
  );
  return {
    isQuiet,
    secondsToReady: operator.secondsToReady,
    lastCallSeconds: round((last - operator.startedAt) / 1000),
    calls: counted(calls, services, benchNamespace),
    cpuSeconds: await cpuSeconds(operator.pid),
    memory: await memoryOf(operator.pid),
  };
}
