// SPDX-License-Identifier: Apache-2.0
// The life of N services under one operator, phase by phase, on a control plane of its own.
import { inferenceServices, type ResourceType, resources } from "@serval/api";
import { benchNamespace, prepareNamespace, startControlPlane } from "./control-plane.ts";
import { acceptRoutes, createServices, deleteServices, isReady, makePodsReady, serviceNames, watched } from "./load.ts";
import type { OperatorUnderTest } from "./operators.ts";
import { type Measured, type Phase, phase, round, type Start, started } from "./phases.ts";
import { startProgram } from "./processes.ts";

const idleMs = 30_000;
const startQuietMs = 5_000;
const restartQuietMs = 10_000;

export interface MeasureOptions {
  readonly services: number;
  readonly ingress: boolean;
  readonly say: (line: string) => void;
}

export interface Figures {
  readonly startEmpty: Start;
  readonly create: Phase & { readonly latencySeconds: Latency };
  readonly ready: Phase;
  readonly idle: Phase & { readonly millicores: number };
  readonly restart: Start;
  readonly delete: Phase;
}

/** From the moment that a service's create is sent until its last child is seen. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const children: readonly ResourceType[] = [
  resources.deployments,
  resources.services,
  resources.horizontalPodAutoscalers,
] as readonly unknown[] as readonly ResourceType[];

/** Pure. */
export function percentiles(seconds: readonly number[]): Latency {
  const sorted = seconds.toSorted((a, b) => a - b);
  const at = (share: number): number => round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0, 3);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

type Plan = Measured & Pick<MeasureOptions, "ingress">;

async function createAll(plan: Plan): Promise<Figures["create"]> {
  const { cluster } = plan.plane;
  const stop = new AbortController();
  const { signal } = stop;
  try {
    const seen = children.map((type) => watched(cluster, type, { signal }));
    const pods = watched(cluster, resources.pods, { signal });
    let latencySeconds = percentiles([]);
    const measured = await phase(plan, {
      async act() {
        const all = Promise.all(seen.map((watch) => watch.passed(plan.services)));
        const sentAt = await createServices(cluster, serviceNames(plan.services));
        const lastAccepted = performance.now();
        await all;
        const waits = [...sentAt].map(([name, at]) => {
          const times = seen.map(({ passedAt }) => passedAt.get(`${name}-predictor`) ?? Number.NaN);
          return (Math.max(...times) - at) / 1000;
        });
        latencySeconds = percentiles(waits);
        const last = seen.map(({ passedAt }) => Math.max(...passedAt.values()));
        const [lastDeployment = 0, lastService = 0, lastAutoscaler = 0] = last;
        return { lastAccepted, lastDeployment, lastService, lastAutoscaler };
      },
      settled: () => pods.passed(plan.services),
    });
    return { ...measured, latencySeconds };
  } finally {
    stop.abort();
  }
}

async function readyAll(plan: Plan): Promise<Phase> {
  const { cluster } = plan.plane;
  const stop = new AbortController();
  try {
    const services = watched(cluster, inferenceServices, { signal: stop.signal, passes: isReady });
    return await phase(plan, {
      async act() {
        await makePodsReady(cluster);
        const lastPatched = performance.now();
        await services.passed(plan.services);
        return { lastPatched };
      },
    });
  } finally {
    stop.abort();
  }
}

async function idle(plan: Plan): Promise<Figures["idle"]> {
  const wait = async () => {
    await new Promise((resolve) => setTimeout(resolve, idleMs));
    return {};
  };
  const measured = await phase(plan, { act: wait, quietMs: 0 });
  const { cpuSeconds, countedSeconds } = measured;
  return { ...measured, millicores: round((cpuSeconds.operator / countedSeconds) * 1000, 1) };
}

async function deleteAll(plan: Plan): Promise<Phase> {
  const { cluster } = plan.plane;
  const stop = new AbortController();
  const routes = plan.ingress ? resources.ingresses : resources.httpRoutes;
  const kinds = [inferenceServices, ...children, routes, resources.replicaSets, resources.pods] as unknown[];
  try {
    const left = (kinds as ResourceType[]).map((type) => watched(cluster, type, { signal: stop.signal }));
    return await phase(plan, {
      async act() {
        await deleteServices(cluster, serviceNames(plan.services));
        const lastAccepted = performance.now();
        await left[0]?.gone();
        const servicesGone = performance.now();
        await Promise.all(left.map((watch) => watch.gone()));
        return { lastAccepted, servicesGone };
      },
    });
  } finally {
    stop.abort();
  }
}

/** A fresh control plane for each operator: nothing of one's past is the other's. */
export async function measure(under: OperatorUnderTest, options: MeasureOptions): Promise<Figures> {
  const say = (text: string): void => options.say(`${under.name}: ${text}`);
  const plane = await startControlPlane(under.account);
  const stop = new AbortController();
  let running: Awaited<ReturnType<typeof startProgram>> | undefined;
  try {
    const program = await under.prepare(plane, options.ingress);
    const first = await startProgram(program, plane.dir);
    running = first;
    await under.untilInstalled(plane);
    await prepareNamespace(plane, benchNamespace);
    if (!options.ingress) acceptRoutes(plane.cluster, stop.signal);
    const plan = { plane, operator: first, services: options.services, ingress: options.ingress };
    const startEmpty = await started(plan, 0, startQuietMs);
    say(`started, ${startEmpty.memory.rssMebibytes} MiB`);
    const create = await createAll(plan);
    say(`children after ${create.wallSeconds} s, ${create.calls.perService} calls per service`);
    const ready = await readyAll(plan);
    say(`ready after ${ready.wallSeconds} s, ${ready.calls.perService} calls per service`);
    const rest = await idle(plan);
    await first.stop();
    const from = (await plane.audit.read()).length;
    const operator = await startProgram(program, plane.dir);
    running = operator;
    const restart = await started({ ...plan, operator }, from, restartQuietMs);
    say(`restarted, ${restart.calls.inNamespacePerService} calls per service, ${restart.memory.rssMebibytes} MiB`);
    const deleted = await deleteAll({ ...plan, operator });
    say(`gone after ${deleted.wallSeconds} s`);
    return { startEmpty, create, ready, idle: rest, restart, delete: deleted };
  } finally {
    stop.abort();
    await running?.stop();
    await plane.close();
  }
}
