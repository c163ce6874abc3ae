// SPDX-License-Identifier: Apache-2.0
// The Deployment controller: one ReplicaSet per template, a rolling update between them, status.
import { createHash } from "node:crypto";
import {
  type Deployment,
  type Key,
  keyOf,
  type ObjectMeta,
  type PodTemplateSpec,
  type ReplicaSet,
  resources,
} from "@serval/api";
import { isAlreadyExists, isNotFound, type ReconcileResult } from "@serval/kube";
import type { ControllerContext } from "./context.ts";
import { deploymentStatus } from "./deployment-status.ts";
import { controllerReference, isControlledBy, isDeleting } from "./ownership.ts";
import { nextScales } from "./rollout.ts";

const revisionAnnotation = "deployment.kubernetes.io/revision";
const hashLabel = "pod-template-hash";
/** Kubernetes' safe alphabet: no vowels, no look-alikes. */
const alphabet = "bcdfghjklmnpqrstvwxz2456789";

/** The same for equal templates, whatever the order of their keys. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`)
    .join(",")}}`;
}

const withoutHash = (template: PodTemplateSpec | undefined): unknown => {
  const { [hashLabel]: _hash, ...labels } = template?.metadata?.labels ?? {};
  return { ...template, metadata: { ...template?.metadata, labels } };
};

export function templateHash(template: PodTemplateSpec | undefined, collisions: number): string {
  const digest = createHash("sha256")
    .update(`${canonicalJson(withoutHash(template))}${collisions}`)
    .digest();
  return [...digest.subarray(0, 10)].map((byte) => alphabet[byte % alphabet.length]).join("");
}

const revisionOf = (set: ReplicaSet): number => Number(set.metadata.annotations?.[revisionAnnotation] ?? 0);

export function replicaSetFor(deployment: Deployment, hash: string, revision: number): ReplicaSet {
  const template = deployment.spec?.template;
  const labels = { ...template?.metadata?.labels, [hashLabel]: hash };
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace,
      labels,
      annotations: { ...deployment.metadata.annotations, [revisionAnnotation]: String(revision) },
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas: 0,
      minReadySeconds: deployment.spec?.minReadySeconds,
      selector: {
        ...deployment.spec?.selector,
        matchLabels: { ...deployment.spec?.selector?.matchLabels, [hashLabel]: hash },
      },
      template: { ...template, metadata: { ...(template?.metadata as ObjectMeta), labels } },
    },
  };
}

/** The set of the Deployment's present template, created or made current again when it is an old one. */
async function currentSet(context: ControllerContext, deployment: Deployment, sets: ReplicaSet[]): Promise<ReplicaSet> {
  const { cluster, informers } = context;
  const wanted = canonicalJson(withoutHash(deployment.spec?.template));
  const newest = Math.max(0, ...sets.map(revisionOf));
  const found = sets.find((set) => canonicalJson(withoutHash(set.spec?.template)) === wanted);
  if (found !== undefined) {
    if (revisionOf(found) === newest) return found;
    const body = { metadata: { annotations: { [revisionAnnotation]: String(newest + 1) } } };
    const renewed = await cluster.patch(resources.replicaSets, keyOf(found), { type: "merge", body });
    informers.replicaSets.observe(renewed);
    return renewed;
  }
  const collisions = deployment.status?.collisionCount ?? 0;
  const empty = replicaSetFor(deployment, templateHash(deployment.spec?.template, collisions), newest + 1);
  // Born with its first number: one write less, and the first pod one write sooner.
  const replicas = nextScales(deployment, empty, sets).get(empty.metadata.name) ?? 0;
  const set = { ...empty, spec: { ...empty.spec, replicas } as NonNullable<ReplicaSet["spec"]> };
  try {
    const created = await cluster.create(resources.replicaSets, set);
    informers.replicaSets.observe(created);
    context.events.record(
      deployment,
      "Normal",
      "ScalingReplicaSet",
      `Scaled up replica set ${set.metadata.name} from 0 to ${replicas}`,
    );
    return created;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const existing = await cluster.get(resources.replicaSets, keyOf(set));
    if (existing !== undefined && isControlledBy(existing, deployment)) return existing;
    const status = { ...deployment.status, collisionCount: collisions + 1 };
    await cluster.update(resources.deployments, { ...deployment, status }, { subresource: "status" });
    throw error;
  }
}

async function scale(
  context: ControllerContext,
  deployment: Deployment,
  set: ReplicaSet,
  replicas: number,
): Promise<void> {
  const { cluster, events, informers } = context;
  const from = set.spec?.replicas ?? 0;
  const stored = await cluster.patch(resources.replicaSets, keyOf(set), {
    type: "merge",
    body: { spec: { replicas } },
  });
  informers.replicaSets.observe(stored);
  const direction = replicas > from ? "up" : "down";
  events.record(
    deployment,
    "Normal",
    "ScalingReplicaSet",
    `Scaled ${direction} replica set ${set.metadata.name} from ${from} to ${replicas}`,
  );
}

async function removeHistory(context: ControllerContext, deployment: Deployment, olds: ReplicaSet[]): Promise<void> {
  const limit = deployment.spec?.revisionHistoryLimit ?? 10;
  const idle = olds.filter(
    (set) => (set.spec?.replicas ?? 0) === 0 && (set.status?.replicas ?? 0) === 0 && !isDeleting(set),
  );
  const surplus = idle.sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, Math.max(0, idle.length - limit));
  for (const set of surplus) await context.cluster.delete(resources.replicaSets, keyOf(set));
}

async function writeStatus(context: ControllerContext, deployment: Deployment, current: ReplicaSet): Promise<void> {
  const { cluster, informers } = context;
  const sets = informers.replicaSets.byIndex("owner", deployment.metadata.uid ?? "");
  const collisionCount = deployment.status?.collisionCount;
  const status = {
    ...deploymentStatus(deployment, informers.replicaSets.get(keyOf(current)) ?? current, sets, context.now()),
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
  if (canonicalJson(status) === canonicalJson(deployment.status)) return;
  try {
    const stored = await cluster.update(resources.deployments, { ...deployment, status }, { subresource: "status" });
    informers.deployments.observe(stored);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

export async function reconcileDeployment(context: ControllerContext, key: Key): Promise<ReconcileResult> {
  const { cluster, informers } = context;
  let deployment = informers.deployments.get(key);
  if (deployment === undefined || isDeleting(deployment)) return undefined;
  const sets = informers.replicaSets.byIndex("owner", deployment.metadata.uid ?? "").filter((set) => !isDeleting(set));
  const isPaused = deployment.spec?.paused === true;
  if (isPaused && sets.length === 0) return undefined;
  const current = isPaused
    ? (sets.sort((a, b) => revisionOf(b) - revisionOf(a))[0] as ReplicaSet)
    : await currentSet(context, deployment, sets);
  const olds = sets.filter((set) => set.metadata.uid !== current.metadata.uid);
  const revision = current.metadata.annotations?.[revisionAnnotation];
  if (revision !== undefined && deployment.metadata.annotations?.[revisionAnnotation] !== revision) {
    const body = { metadata: { annotations: { [revisionAnnotation]: revision } } };
    deployment = await cluster.patch(resources.deployments, key, { type: "merge", body });
    informers.deployments.observe(deployment);
  }
  const scales = isPaused ? new Map<string, number>() : nextScales(deployment, current, olds);
  for (const set of [current, ...olds]) {
    const replicas = scales.get(set.metadata.name);
    if (replicas !== undefined) await scale(context, deployment, set, replicas);
  }
  await writeStatus(context, deployment, current);
  await removeHistory(context, deployment, olds);
  const isProgressing =
    deployment.status?.conditions?.some((c) => c.type === "Progressing" && c.reason === "NewReplicaSetAvailable") !==
    true;
  return isProgressing
    ? { requeueAfterMs: (deployment.spec?.progressDeadlineSeconds ?? 600) * 1_000 + 1_000 }
    : undefined;
}
