// SPDX-License-Identifier: Apache-2.0
// Serval's figures against KServe's and against the aims of limits.json. Pure.
import recorded from "./baseline.json" with { type: "json" };
import limits from "./limits.json" with { type: "json" };
import type { Figures } from "./measure.ts";

/** What is compared; undefined: not known of this operator. */
export interface Comparable {
  readonly childrenSeconds: number;
  readonly readySeconds: number;
  readonly createOperatorCpu: number;
  readonly readyOperatorCpu: number;
  /** kube-apiserver and etcd. */
  readonly createControlPlaneCpu: number;
  readonly readyControlPlaneCpu?: number;
}

export interface Check {
  readonly value: number;
  readonly limit: number;
  readonly holds: boolean;
}

export type Verdict = Readonly<Record<string, Check>>;

export const comparable = ({ create, ready }: Figures): Comparable => ({
  childrenSeconds: create.wallSeconds,
  readySeconds: ready.wallSeconds,
  createOperatorCpu: create.cpuSeconds.operator,
  readyOperatorCpu: ready.cpuSeconds.operator,
  createControlPlaneCpu: create.cpuSeconds.apiServer + create.cpuSeconds.etcd,
  readyControlPlaneCpu: ready.cpuSeconds.apiServer + ready.cpuSeconds.etcd,
});

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Medians of the recorded runs with as many services; undefined: none was recorded. */
export function recordedFigures(services: number): Comparable | undefined {
  const runs = (recorded.runs as Readonly<Record<string, (typeof recorded.runs)["100"]>>)[String(services)];
  if (runs === undefined) return undefined;
  return {
    childrenSeconds: median(runs.childrenSeconds),
    readySeconds: median(runs.readySeconds),
    createOperatorCpu: median(runs.createOperatorCpu),
    readyOperatorCpu: median(runs.readyOperatorCpu),
    createControlPlaneCpu: median(runs.createControlPlaneCpu),
  };
}

const check = (value: number, limit: number): Check => ({
  value: Number(value.toFixed(3)),
  limit,
  holds: value <= limit,
});

/** Both phases together where both are known of both operators, else creation alone. */
function controlPlaneRatio(own: Comparable, other: Comparable): number {
  const mine = own.readyControlPlaneCpu;
  const theirs = other.readyControlPlaneCpu;
  if (mine === undefined || theirs === undefined) return own.createControlPlaneCpu / other.createControlPlaneCpu;
  return (own.createControlPlaneCpu + mine) / (other.createControlPlaneCpu + theirs);
}

function ratios(own: Comparable, other: Comparable): Verdict {
  const cpu = (figures: Comparable): number => figures.createOperatorCpu + figures.readyOperatorCpu;
  return {
    childrenRatio: check(own.childrenSeconds / other.childrenSeconds, limits.childrenRatio),
    readyRatio: check(own.readySeconds / other.readySeconds, limits.readyRatio),
    operatorCpuRatio: check(cpu(own) / cpu(other), limits.operatorCpuRatio),
    controlPlaneCpuRatio: check(controlPlaneRatio(own, other), limits.controlPlaneCpuRatio),
  };
}

/** @param other KServe's figures, measured beside these or recorded; without them only absolute aims are judged. */
export function verdict(serval: Figures, other: Comparable | undefined): Verdict {
  const { create, ready, restart, idle } = serval;
  const peak = Math.max(restart.memory.peakMebibytes, idle.memory.peakMebibytes, serval.delete.memory.peakMebibytes);
  return {
    ...(other === undefined ? {} : ratios(comparable(serval), other)),
    createCallsPerService: check(create.calls.perService, limits.createCallsPerService),
    readyCallsPerService: check(ready.calls.perService, limits.readyCallsPerService),
    restartCallsPerService: check(restart.calls.inNamespacePerService, limits.restartCallsPerService),
    peakMebibytes: check(peak, limits.peakMebibytes),
    idleMillicores: check(idle.millicores, limits.idleMillicores),
  };
}
