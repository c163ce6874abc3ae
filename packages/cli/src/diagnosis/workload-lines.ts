// SPDX-License-Identifier: Apache-2.0
// The chain Deployment -> ReplicaSet -> Pod -> container as lines, each with its own state. Pure.
import type { ContainerStatus, Deployment, Pod } from "@serval/api";
import { ownedBy, type Snapshot } from "./snapshot.ts";

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
}

export const because = ({ reason, message }: Pick<Condition, "reason" | "message">): string => {
  const text = [reason, message].filter((part) => part !== undefined && part !== "").join(": ");
  return text === "" ? "" : `  (${text})`;
};

function containerLine(status: ContainerStatus): string {
  const { waiting, running, terminated } = status.state ?? {};
  const restarts = status.restartCount > 0 ? `, ${status.restartCount} restarts` : "";
  if (running !== undefined)
    return `running since ${running.startedAt}, ${status.ready ? "ready" : "not ready"}${restarts}`;
  if (terminated !== undefined) return `ended with code ${terminated.exitCode}${restarts}${because(terminated)}`;
  const last = status.lastState?.terminated;
  const before = last === undefined ? "" : `; last end: code ${last.exitCode}${because(last)}`;
  return `waiting${because(waiting ?? {})}${restarts}${before}`;
}

function podLines(pod: Pod): string[] {
  const conditions = (pod.status?.conditions ?? []) as readonly Condition[];
  const head = `Pod ${pod.metadata?.name}: ${pod.status?.phase ?? "Pending"}${because({ reason: pod.status?.reason, message: pod.status?.message })}`;
  const scheduling = conditions
    .filter(({ type, status }) => type === "PodScheduled" && status !== "True")
    .map((condition) => `  not scheduled${because(condition)}`);
  const containers = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return [head, ...scheduling, ...containers.map((status) => `  ${status.name}: ${containerLine(status)}`)];
}

const indented = (lines: readonly string[], by: number): string[] => lines.map((line) => " ".repeat(by) + line);

/** One Deployment with everything that it made. */
export function workloadLines(deployment: Deployment, { replicaSets, pods }: Snapshot): string[] {
  const { readyReplicas = 0, replicas = 0 } = deployment.status ?? {};
  const lines = [`Deployment ${deployment.metadata.name}: ${readyReplicas} of ${deployment.spec?.replicas ?? 1} ready`];
  for (const condition of (deployment.status?.conditions ?? []) as readonly Condition[])
    if (condition.status === "False" || (condition.type === "ReplicaFailure" && condition.status === "True"))
      lines.push(`  ${condition.type} is ${condition.status}${because(condition)}`);
  const active = replicaSets
    .filter(ownedBy(deployment))
    .filter(({ spec, status }) => (spec?.replicas ?? 0) > 0 || (status?.replicas ?? 0) > 0);
  for (const set of active) {
    lines.push(`  ReplicaSet ${set.metadata.name}: ${set.status?.replicas ?? 0} of ${set.spec?.replicas ?? 0} pods`);
    for (const pod of pods.filter(ownedBy(set))) lines.push(...indented(podLines(pod), 4));
  }
  if (replicas === 0 && active.length === 0) lines.push("  no pods yet");
  return lines;
}
