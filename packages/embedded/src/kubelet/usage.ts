// SPDX-License-Identifier: Apache-2.0
// What pods and the machine use, measured every 15 seconds as Kubernetes' metrics-server does.
import { cpus, freemem, totalmem } from "node:os";
import type { Pod } from "@serval/api";
import type { ContainerUsage, NodeUsage, PodUsage, ResourceMetrics } from "../apiserver/resource-metrics.ts";
import type { PodWorker } from "./pod-worker.ts";
import type { RunningProcess } from "./process-files.ts";
import { groupBySession, memoryOf, type ProcessRow, readProcessTable } from "./process-table.ts";

interface Point {
  readonly running: RunningProcess;
  readonly atMs: number;
  readonly cpuMs: number;
}

interface Measured {
  readonly atMs: number;
  readonly windowMs: number;
  readonly usage: ContainerUsage;
}

export const measureEveryMs = 15_000;
/** A younger process has no average worth the name. Source: metrics-server, pkg/storage/pod.go */
const youngestMs = 10_000;

/** Average since the point before, or since the start of a process that is new. Undefined: too early to tell. */
function averaged(name: string, now: Point & { memoryBytes: number }, before: Point | undefined): Measured | undefined {
  const isSame = before !== undefined && before.running.groupId === now.running.groupId;
  const fromMs = isSame ? before.atMs : Date.parse(now.running.startedAt);
  const windowMs = now.atMs - fromMs;
  if (windowMs <= 0 || (!isSame && windowMs < youngestMs)) return undefined;
  // A child that ends unseen takes its time with it: the sum may fall.
  const usedMs = Math.max(0, now.cpuMs - (isSame ? before.cpuMs : 0));
  const cpuMilli = Math.round((usedMs * 1_000) / windowMs);
  return { atMs: now.atMs, windowMs, usage: { name, cpuMilli, memoryBytes: now.memoryBytes } };
}

function machineCpuMs(): { busy: number; at: number } {
  const busy = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
  return { busy, at: Date.now() };
}

export interface UsageMeter extends ResourceMetrics {
  /** Once now; also what the timer does. */
  measure(): Promise<void>;
  close(): void;
}

/** @param options.everyMs default 15 s. */
export function createUsageMeter(
  workers: () => Iterable<PodWorker>,
  options: { everyMs?: number; onError: (error: unknown) => void },
): UsageMeter {
  const { everyMs = measureEveryMs, onError } = options;
  const points = new Map<string, Point>();
  const measured = new Map<string, Measured>();
  let machine = machineCpuMs();
  let node: NodeUsage | undefined;
  let running: Promise<void> | undefined;

  function* containers(): Generator<{ id: string; name: string; running: RunningProcess }> {
    for (const worker of workers()) {
      for (const { name } of [...(worker.pod.spec?.initContainers ?? []), ...(worker.pod.spec?.containers ?? [])]) {
        const found = worker.life(name)?.state.running;
        if (found !== undefined) yield { id: `${worker.uid}/${name}`, name, running: found };
      }
    }
  }

  const measureNode = (): void => {
    const now = machineCpuMs();
    const windowMs = now.at - machine.at;
    if (windowMs <= 0) return;
    const cpuMilli = Math.max(0, Math.round(((now.busy - machine.busy) * 1_000) / windowMs));
    node = { atMs: now.at, windowMs, cpuMilli, memoryBytes: totalmem() - freemem() };
    machine = now;
  };

  const measureAll = async (): Promise<void> => {
    measureNode();
    const found = [...containers()];
    const groups: ReadonlyMap<number, readonly ProcessRow[]> =
      found.length === 0
        ? new Map()
        : groupBySession(await readProcessTable(), new Set(found.map((container) => container.running.groupId)));
    const seen = new Set(found.map(({ id }) => id));
    for (const id of points.keys()) if (!seen.has(id) && points.delete(id)) measured.delete(id);
    const atMs = Date.now();
    for (const { id, name, running: process } of found) {
      // The shell that waits for the program is the kubelet's, not the pod's.
      const rows = (groups.get(process.groupId) ?? []).filter(({ pid }) => pid !== process.groupId);
      const cpuMs = rows.reduce((sum, row) => sum + row.cpuMs, 0);
      const result = averaged(name, { running: process, atMs, cpuMs, memoryBytes: memoryOf(rows) }, points.get(id));
      points.set(id, { running: process, atMs, cpuMs });
      if (result === undefined) measured.delete(id);
      else measured.set(id, result);
    }
  };

  const measure = (): Promise<void> => {
    running ??= measureAll().finally(() => {
      running = undefined;
    });
    return running;
  };
  const timer = setInterval(() => void measure().catch(onError), everyMs);
  timer.unref();

  return {
    measure,
    close: () => clearInterval(timer),
    ofNode: () => node,
    ofPod(pod: Pod): PodUsage | undefined {
      const ids = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map(
        ({ name }) => `${pod.metadata.uid}/${name}`,
      );
      // A sum without one of its parts would look like a pod that idles.
      if (ids.some((id) => points.has(id) && !measured.has(id))) return undefined;
      const known = ids.map((id) => measured.get(id)).filter((one) => one !== undefined);
      const [first] = known;
      if (first === undefined) return undefined;
      return { atMs: first.atMs, windowMs: first.windowMs, containers: known.map(({ usage }) => usage) };
    },
  };
}
