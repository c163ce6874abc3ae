// SPDX-License-Identifier: Apache-2.0
// The ReplicaSet controller: as many pods as asked, and an honest count of them.
import { type Key, keyOf, type Pod, type ReplicaSet, resources } from "@serval/api";
import { isNotFound, type ReconcileResult } from "@serval/kube";
import type { ControllerContext } from "./context.ts";
import { controllerReference, isControlledBy, isDeleting } from "./ownership.ts";
import { byDeletionOrder, isActive, isAvailable, isReady } from "./pod-readiness.ts";

const maxBurst = 500;

/** A pod of the set. Its name is the set's name and five random characters, as Kubernetes' are. */
export const podFor = (set: ReplicaSet, suffix: string): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name: `${set.metadata.name}-${suffix}`,
    namespace: set.metadata.namespace,
    labels: set.spec?.template?.metadata?.labels,
    annotations: set.spec?.template?.metadata?.annotations,
    finalizers: set.spec?.template?.metadata?.finalizers,
    ownerReferences: [controllerReference(set)],
  },
  spec: set.spec?.template?.spec,
});

export function replicaSetStatus(
  set: ReplicaSet,
  pods: readonly Pod[],
  nowMs: number,
): NonNullable<ReplicaSet["status"]> {
  const labels = Object.entries(set.spec?.template?.metadata?.labels ?? {});
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  return {
    replicas: pods.length,
    fullyLabeledReplicas: pods.filter((pod) => labels.every(([key, value]) => pod.metadata.labels?.[key] === value))
      .length,
    readyReplicas: pods.filter(isReady).length,
    availableReplicas: pods.filter((pod) => isAvailable(pod, minReadySeconds, nowMs)).length,
    observedGeneration: set.metadata.generation,
    ...(set.status?.conditions === undefined ? {} : { conditions: set.status.conditions }),
  };
}

/** @returns why it stopped before the last one: a quota, admission, a namespace that goes away. */
async function addPods(context: ControllerContext, set: ReplicaSet, count: number): Promise<Error | undefined> {
  for (let i = 0; i < Math.min(count, maxBurst); i++) {
    try {
      const pod = await context.cluster.create(resources.pods, podFor(set, context.randomSuffix()));
      context.informers.pods.observe(pod);
      context.events.record(set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      context.events.record(set, "Warning", "FailedCreate", `Error creating: ${failure.message}`);
      return failure;
    }
  }
  return undefined;
}

const replicaFailure = "ReplicaFailure";

/**
 * The condition appears with the first failure and goes when nothing is missing. Its text stays in between: every try
 * names another pod. Source: k8s.io/kubernetes/pkg/controller/replicaset/replica_set_utils.go
 */
export function withFailure(
  status: NonNullable<ReplicaSet["status"]>,
  failure: Error | undefined,
  at: Date,
): NonNullable<ReplicaSet["status"]> {
  const { conditions = [], ...rest } = status;
  const known = conditions.find(({ type }) => type === replicaFailure);
  const others = conditions.filter(({ type }) => type !== replicaFailure);
  const lastTransitionTime = at.toISOString().replace(/\.\d+Z$/, "Z");
  const made = {
    type: replicaFailure,
    status: "True",
    reason: "FailedCreate",
    message: failure?.message,
    lastTransitionTime,
  };
  const next = failure === undefined ? others : [...others, known ?? made];
  return next.length === 0 ? rest : { ...rest, conditions: next };
}

async function removePods(context: ControllerContext, set: ReplicaSet, pods: Pod[], count: number): Promise<void> {
  for (const pod of [...pods].sort(byDeletionOrder).slice(0, count)) {
    await context.cluster.delete(resources.pods, keyOf(pod), { uid: pod.metadata.uid ?? "" });
    // Seen at once, so that the next look does not count it as active and choose another.
    const ending = await context.cluster.get(resources.pods, keyOf(pod));
    if (ending !== undefined) context.informers.pods.observe(ending);
    context.events.record(set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
  }
}

export async function reconcileReplicaSet(context: ControllerContext, key: Key): Promise<ReconcileResult> {
  const set = context.informers.replicaSets.get(key);
  if (set === undefined) return undefined;
  const owned = context.informers.pods
    .byIndex("owner", set.metadata.uid ?? "")
    .filter((pod) => isControlledBy(pod, set));
  const active = owned.filter(isActive);
  const difference = (set.spec?.replicas ?? 1) - active.length;
  let failure: Error | undefined;
  if (!isDeleting(set)) {
    if (difference > 0) failure = await addPods(context, set, difference);
    if (difference < 0) await removePods(context, set, active, -difference);
  }
  const nowMs = context.now().getTime();
  const counted =
    difference > 0 ? context.informers.pods.byIndex("owner", set.metadata.uid ?? "").filter(isActive) : active;
  const status = withFailure(replicaSetStatus(set, counted, nowMs), failure, context.now());
  if (!isSameStatus(status, set.status)) await writeStatus(context, set, status);
  if (failure !== undefined) throw failure;
  return waitForMinReady(set, counted, nowMs);
}

/** An API server leaves counts of 0 out: absent and 0 are the same. */
const isSameStatus = (wanted: NonNullable<ReplicaSet["status"]>, stored: ReplicaSet["status"]): boolean =>
  (["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"] as const).every(
    (field) => (wanted[field] ?? 0) === (stored?.[field] ?? 0),
  ) && JSON.stringify(wanted.conditions ?? []) === JSON.stringify(stored?.conditions ?? []);

async function writeStatus(
  context: ControllerContext,
  set: ReplicaSet,
  status: NonNullable<ReplicaSet["status"]>,
): Promise<void> {
  try {
    const stored = await context.cluster.update(resources.replicaSets, { ...set, status }, { subresource: "status" });
    context.informers.replicaSets.observe(stored);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

function waitForMinReady(set: ReplicaSet, pods: readonly Pod[], nowMs: number): ReconcileResult {
  const seconds = set.spec?.minReadySeconds ?? 0;
  const isWaiting = seconds > 0 && pods.some((pod) => isReady(pod) && !isAvailable(pod, seconds, nowMs));
  return isWaiting ? { requeueAfterMs: 1_000 } : undefined;
}
