// SPDX-License-Identifier: Apache-2.0
// A Deployment's status and conditions from its ReplicaSets, in kube-controller-manager's words. Pure.
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from "@serval/api";
import { rolloutLimits } from "./rollout.ts";

const iso = (at: Date): string => at.toISOString().replace(/\.\d+Z$/, "Z");
const sum = (sets: readonly ReplicaSet[], count: (set: ReplicaSet) => number | undefined): number =>
  sets.reduce((total, set) => total + (count(set) ?? 0), 0);

type Verdict = { status: "True" | "False" | "Unknown"; reason: string; message: string };

function condition(
  type: string,
  verdict: Verdict,
  old: DeploymentCondition | undefined,
  at: Date,
): DeploymentCondition {
  const isSame = old?.status === verdict.status && old.reason === verdict.reason && old.message === verdict.message;
  if (old !== undefined && isSame) return old;
  return {
    type,
    ...verdict,
    lastUpdateTime: iso(at),
    lastTransitionTime: old?.status === verdict.status ? old.lastTransitionTime : iso(at),
  };
}

function available(deployment: Deployment, availableReplicas: number): Verdict {
  const needed = (deployment.spec?.replicas ?? 1) - rolloutLimits(deployment).maxUnavailable;
  return availableReplicas >= needed
    ? { status: "True", reason: "MinimumReplicasAvailable", message: "Deployment has minimum availability." }
    : {
        status: "False",
        reason: "MinimumReplicasUnavailable",
        message: "Deployment does not have minimum availability.",
      };
}

type Counted = Required<Pick<DeploymentStatus, "replicas" | "updatedReplicas" | "availableReplicas">>;

function progressing(deployment: Deployment, current: ReplicaSet, now: { counted: Counted; at: Date }): Verdict {
  const { counted, at } = now;
  const replicas = deployment.spec?.replicas ?? 1;
  const name = current.metadata.name;
  const old = deployment.status?.conditions?.find((c) => c.type === "Progressing");
  const isComplete =
    counted.updatedReplicas === replicas && counted.replicas === replicas && counted.availableReplicas === replicas;
  if (isComplete)
    return {
      status: "True",
      reason: "NewReplicaSetAvailable",
      message: `ReplicaSet "${name}" has successfully progressed.`,
    };
  const before = deployment.status ?? {};
  const hasMoved =
    counted.updatedReplicas !== (before.updatedReplicas ?? 0) ||
    counted.availableReplicas !== (before.availableReplicas ?? 0) ||
    deployment.metadata.generation !== before.observedGeneration;
  const message = `ReplicaSet "${name}" is progressing.`;
  if (old === undefined)
    return { status: "True", reason: "NewReplicaSetCreated", message: `Created new replica set "${name}"` };
  if (hasMoved || old.reason === "NewReplicaSetAvailable")
    return { status: "True", reason: "ReplicaSetUpdated", message };
  const deadlineMs = (deployment.spec?.progressDeadlineSeconds ?? 600) * 1_000;
  if (at.getTime() - Date.parse(old.lastUpdateTime ?? "") > deadlineMs) {
    return {
      status: "False",
      reason: "ProgressDeadlineExceeded",
      message: `ReplicaSet "${name}" has timed out progressing.`,
    };
  }
  return {
    status: old.status as "True" | "False",
    reason: old.reason ?? "ReplicaSetUpdated",
    message: old.message ?? message,
  };
}

/** @param sets every ReplicaSet of the Deployment, `current` included. */
export function deploymentStatus(
  deployment: Deployment,
  current: ReplicaSet,
  sets: readonly ReplicaSet[],
  at: Date,
): DeploymentStatus {
  const old = deployment.status?.conditions ?? [];
  const counted = {
    replicas: sum(sets, (set) => set.status?.replicas),
    updatedReplicas: current.status?.replicas ?? 0,
    availableReplicas: sum(sets, (set) => set.status?.availableReplicas),
  };
  const readyReplicas = sum(sets, (set) => set.status?.readyReplicas);
  const wanted = Math.max(counted.replicas, deployment.spec?.replicas ?? 1);
  const find = (type: string) => old.find((c) => c.type === type);
  return {
    observedGeneration: deployment.metadata.generation,
    ...Object.fromEntries(
      Object.entries({ ...counted, readyReplicas, unavailableReplicas: wanted - counted.availableReplicas }).filter(
        ([, n]) => n > 0,
      ),
    ),
    conditions: [
      condition("Available", available(deployment, counted.availableReplicas), find("Available"), at),
      condition("Progressing", progressing(deployment, current, { counted, at }), find("Progressing"), at),
    ],
  };
}
