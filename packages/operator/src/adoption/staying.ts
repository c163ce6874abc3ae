// SPDX-License-Identifier: Apache-2.0
// Whether a Deployment of KServe's says what its owner asks for now, so that it may stay as it is.
import { type Deployment, type Key, type KubeObject, keyOf, type ResourceType, resources } from "@serval/api";
import type { Cluster } from "@serval/kube";
import { canonical, withoutReplicas } from "./mark.ts";
import { isKserves, isUsers, lastWrite } from "./ownership.ts";

/** Whose children they are, and how KServe's controller would have written its Deployments. */
export interface Origin {
  readonly type: ResourceType;
  readonly key: Key;
  /** undefined: not one of its workloads. @throws ServalError. */
  readonly kserveForm: (workload: string) => Deployment | undefined;
}

/** Whether KServe would leave the Deployment alone: the comparison that its own controller makes, by a dry run. */
async function isInStep(cluster: Cluster, stored: Deployment, form: Deployment): Promise<boolean> {
  const body = [
    { op: "replace", path: "/metadata/resourceVersion", value: stored.metadata?.resourceVersion },
    { op: "replace", path: "/spec/template", value: form.spec?.template },
    { op: "replace", path: "/spec/strategy", value: form.spec?.strategy },
  ];
  const key = keyOf(stored as KubeObject);
  const dry = await cluster.patch(resources.deployments, key, { type: "json", body }, { dryRun: true });
  return canonical(withoutReplicas(dry)) === canonical(withoutReplicas(stored));
}

/**
 * KServe writes some templates differently from what we know of it. Then the times tell whether it had seen the owner as
 * it is now: it wrote the Deployment after the last edit.
 */
async function hadSeen(cluster: Cluster, stored: Deployment, { type, key }: Origin): Promise<boolean> {
  const owner = await cluster.get(type, key);
  const wrote = lastWrite(stored as KubeObject, isKserves);
  const asked = owner === undefined ? undefined : lastWrite(owner, isUsers);
  return wrote !== undefined && asked !== undefined && wrote >= asked;
}

/** False: it was edited while nobody acted, or since. @throws ApiError. */
export async function mayStay(cluster: Cluster, stored: Deployment, origin: Origin): Promise<boolean> {
  const form = origin.kserveForm(stored.metadata?.name ?? "");
  if (form === undefined) return false;
  return (await isInStep(cluster, stored, form)) || hadSeen(cluster, stored, origin);
}
