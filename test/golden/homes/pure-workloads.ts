// SPDX-License-Identifier: Apache-2.0
// What Kubernetes' Deployment and ReplicaSet controllers make of a Deployment, by their pure functions, one step after
// the other and without anything running.
import type { AnyObject, Deployment, Pod, ReplicaSet } from "@serval/api";
import { replicaSetFor, templateHash } from "@serval/embedded/controllers/deployment.ts";
import { deploymentStatus } from "@serval/embedded/controllers/deployment-status.ts";
import { podFor, replicaSetStatus } from "@serval/embedded/controllers/replica-set.ts";
import { nextScales } from "@serval/embedded/controllers/rollout.ts";
import { mergePatchBetween } from "@serval/operator/controllers/inference-service/status-patch.ts";
import type { Api } from "../api.ts";

const now = new Date("2026-01-01T00:00:00Z");
const mostRounds = 10;

const asObject = (object: object): AnyObject => object as unknown as AnyObject;
const ownedBy = <T>(objects: readonly AnyObject[], { metadata }: { metadata: { uid?: string | undefined } }): T[] =>
  objects.filter((object) =>
    object.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid),
  ) as unknown as T[];

async function created(api: Api, object: object): Promise<void> {
  const { refusal } = await api.apply(asObject(object));
  if (refusal !== undefined) throw new Error(`a child of a Deployment is refused: ${refusal.message}`);
}

/** A status whole, as a controller's update writes it. @returns whether it changed. */
async function wroteStatus(
  api: Api,
  object: { kind: string; metadata: { name?: string | undefined }; status?: unknown },
  status: object,
) {
  const patch = mergePatchBetween(object.status ?? {}, JSON.parse(JSON.stringify(status)));
  if (patch === undefined) return false;
  await api.patch(object.kind, object.metadata.name ?? "", { status: patch }, "status");
  return true;
}

/** Pods as many as asked. @returns whether anything changed. */
async function stepSet(api: Api, set: ReplicaSet, pods: readonly Pod[]): Promise<boolean> {
  const wanted = set.spec?.replicas ?? 0;
  for (let index = pods.length; index < wanted; index += 1) await created(api, podFor(set, `${index}aaaa`.slice(0, 5)));
  for (const pod of pods.slice(wanted)) await api.delete("Pod", pod.metadata.name ?? "");
  const status = replicaSetStatus(set, ownedBy<Pod>(await api.list("Pod"), set), now.getTime());
  return (await wroteStatus(api, set, status)) || pods.length !== wanted;
}

async function stepDeployment(api: Api, deployment: Deployment): Promise<boolean> {
  const name = deployment.metadata.name ?? "";
  const hash = templateHash(deployment.spec?.template, 0);
  const sets = ownedBy<ReplicaSet>(await api.list("ReplicaSet"), deployment);
  const current = sets.find(({ metadata }) => metadata.name === `${name}-${hash}`);
  if (current === undefined) {
    await created(api, replicaSetFor(deployment, hash, sets.length + 1));
    return true;
  }
  const scales = nextScales(
    deployment,
    current,
    sets.filter((set) => set !== current),
  );
  for (const [set, replicas] of scales) await api.patch("ReplicaSet", set, { spec: { replicas } });
  const pods = await api.list("Pod");
  let hasChanged = scales.size > 0;
  for (const set of ownedBy<ReplicaSet>(await api.list("ReplicaSet"), deployment))
    if (await stepSet(api, set, ownedBy<Pod>(pods, set))) hasChanged = true;
  const counted = ownedBy<ReplicaSet>(await api.list("ReplicaSet"), deployment);
  const fresh = counted.find(({ metadata }) => metadata.name === current.metadata.name) ?? current;
  return (await wroteStatus(api, deployment, deploymentStatus(deployment, fresh, counted, now))) || hasChanged;
}

/** Until nothing changes. @returns whether anything did. */
export async function settleDeployments(api: Api): Promise<boolean> {
  let hasChanged = false;
  for (let round = 0; round < mostRounds; round += 1) {
    let isMoving = false;
    for (const deployment of await api.list("Deployment"))
      if (await stepDeployment(api, deployment as unknown as Deployment)) isMoving = true;
    if (!isMoving) return hasChanged;
    hasChanged = true;
  }
  return hasChanged;
}
