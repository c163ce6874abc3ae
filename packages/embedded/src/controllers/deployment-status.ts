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
  // Only a rolling update may lack pods (Kubernetes' MaxUnavailable).
  const spared = deployment.spec?.strategy?.type === "Recreate" ? 0 : rolloutLimits(deployment).maxUnavailable;
  const needed = (deployment.spec?.replicas ?? 1) - spared;
  return availableReplicas >= needed
    ? { status: "True", reason: "MinimumReplicasAvailable", message: "Deployment has minimum availability." }
    : {
        status: "False",
        reason: "MinimumReplicasUnavailable",
        message: "Deployment does not have minimum availability.",
      };
}

type Counted = Record<"replicas" | "updatedReplicas" | "readyReplicas" | "availableReplicas", number>;

/** Source: kubernetes/pkg/controller/deployment/util, DeploymentComplete. */
const isComplete = (replicas: number, counted: Counted): boolean =>
  counted.updatedReplicas === replicas && counted.replicas === replicas && counted.availableReplicas === replicas;

/** More new pods, fewer old ones, or more of them ready: a loss is no progress. Source: ibid., DeploymentProgressing. */
function hasMoved(before: DeploymentStatus, counted: Counted): boolean {
  const old = (count: Counted | DeploymentStatus): number => (count.replicas ?? 0) - (count.updatedReplicas ?? 0);
  return (
    counted.updatedReplicas > (before.updatedReplicas ?? 0) ||
    old(counted) < old(before) ||
    counted.readyReplicas > (before.readyReplicas ?? 0) ||
    counted.availableReplicas > (before.availableReplicas ?? 0)
  );
}

/** Source: kubernetes/pkg/controller/deployment/progress.go, syncRolloutStatus. */
function progressing(
  deployment: Deployment,
  current: ReplicaSet,
  now: { counted: Counted; at: Date },
): DeploymentCondition {
  const { counted, at } = now;
  const name = current.metadata.name;
  const old = deployment.status?.conditions?.find((c) => c.type === "Progressing");
  const say = (verdict: Verdict): DeploymentCondition => condition("Progressing", verdict, old, at);
  // A finished rollout stays finished when pods fail later or the number changes; a new template starts another.
  const isNewTemplate = deployment.metadata.generation !== deployment.status?.observedGeneration;
  const wasDone = old?.reason === "NewReplicaSetAvailable" && old.message?.includes(`"${name}"`) === true;
  if (old !== undefined && wasDone && counted.replicas === counted.updatedReplicas) return old;
  if (isComplete(deployment.spec?.replicas ?? 1, counted)) {
    const message = `ReplicaSet "${name}" has successfully progressed.`;
    return say({ status: "True", reason: "NewReplicaSetAvailable", message });
  }
  if (old === undefined || (isNewTemplate && old.message?.includes(`"${name}"`) !== true))
    return say({ status: "True", reason: "NewReplicaSetCreated", message: `Created new replica set "${name}"` });
  const verdict: Verdict = {
    status: "True",
    reason: "ReplicaSetUpdated",
    message: `ReplicaSet "${name}" is progressing.`,
  };
  // Progress renews the deadline even where nothing else about the condition changes.
  if (hasMoved(deployment.status ?? {}, counted)) return { ...say(verdict), lastUpdateTime: iso(at) };
  const deadlineMs = (deployment.spec?.progressDeadlineSeconds ?? 600) * 1_000;
  if (old.reason === "ProgressDeadlineExceeded" || at.getTime() - Date.parse(old.lastUpdateTime ?? "") <= deadlineMs)
    return old;
  const message = `ReplicaSet "${name}" has timed out progressing.`;
  return say({ status: "False", reason: "ProgressDeadlineExceeded", message });
}

/** What keeps a ReplicaSet from making pods. Source: kubernetes/pkg/controller/deployment/progress.go, getReplicaFailures */
const replicaFailures = (sets: readonly ReplicaSet[]): DeploymentCondition[] =>
  sets.flatMap(({ status }) =>
    (status?.conditions ?? [])
      .filter(({ type }) => type === "ReplicaFailure")
      .map((failure) => ({ ...failure, lastUpdateTime: failure.lastTransitionTime })),
  );

/** @param sets every ReplicaSet of the Deployment, `current` included. */
export function deploymentStatus(
  deployment: Deployment,
  current: ReplicaSet,
  sets: readonly ReplicaSet[],
  at: Date,
): DeploymentStatus {
  const counted = {
    replicas: sum(sets, (set) => set.status?.replicas),
    updatedReplicas: current.status?.replicas ?? 0,
    readyReplicas: sum(sets, (set) => set.status?.readyReplicas),
    availableReplicas: sum(sets, (set) => set.status?.availableReplicas),
  };
  // Of what the ReplicaSets are asked for. Source: kubernetes/pkg/controller/deployment/sync.go, calculateStatus
  const wanted = sum(sets, (set) => set.spec?.replicas);
  const unavailableReplicas = Math.max(0, wanted - counted.availableReplicas);
  const old = deployment.status?.conditions?.find((c) => c.type === "Available");
  return {
    observedGeneration: deployment.metadata.generation,
    ...Object.fromEntries(Object.entries({ ...counted, unavailableReplicas }).filter(([, n]) => n > 0)),
    conditions: [
      condition("Available", available(deployment, counted.availableReplicas), old, at),
      progressing(deployment, current, { counted, at }),
      ...replicaFailures([current, ...sets]).slice(0, 1),
    ],
  };
}
