// SPDX-License-Identifier: Apache-2.0
// Takes over what KServe's controller made (decision 19): no pod is replaced for it. Called before children are applied;
// costs nothing for objects that are ours.
import {
  annotations,
  type Deployment,
  type InferenceService,
  inferenceServices,
  type KubeObject,
  keyOf,
  type ResourceType,
  resources,
  servingFinalizer,
} from "@serval/api";
import { ApiError, type Cluster, isConflict, isTransient } from "@serval/kube";
import { ChildError } from "../children/child-error.ts";
import type { ChildKind, Children } from "../children/children.ts";
import { markOf, standingOf } from "./mark.ts";
import { adoptionManager, isMadeByKserve, isMark, takenOver } from "./ownership.ts";
import { mayStay, type Origin } from "./staying.ts";

export interface Settled {
  /** What is left to apply. */
  readonly objects: readonly KubeObject[];
  /** How many calls it took. */
  readonly calls: number;
}

export interface Adoption {
  /** Takes over what KServe made of these; Deployments that stay as KServe wrote them are not in the answer. @throws ChildError. */
  settle(wanted: readonly KubeObject[], origin: Origin): Promise<Settled>;
  /** KServe's finalizer waits for KServe: without it a deletion would hang once no controller runs. KServe sets it again. */
  release(isvc: InferenceService): Promise<number>;
}

export interface AdoptionOptions {
  readonly cluster: Cluster;
  readonly children: Pick<Children, "get" | "typeOf">;
}

const none: Settled = { objects: [], calls: 0 };

/** One patch: the fields change hands only if the object is still the one that was read. */
function handOverPatch({ metadata }: KubeObject, wanted: KubeObject): readonly unknown[] {
  const mark = annotations.adopted.replaceAll("~", "~0").replaceAll("/", "~1");
  const entries = (metadata.managedFields ?? []).filter((entry) => !isMark(entry));
  return [
    { op: "replace", path: "/metadata/resourceVersion", value: metadata.resourceVersion },
    { op: "replace", path: "/metadata/managedFields", value: takenOver(entries, wanted) },
    ...(metadata.annotations?.[annotations.adopted] === undefined
      ? []
      : [{ op: "remove", path: `/metadata/annotations/${mark}` }]),
  ];
}

/** Of an object whose status somebody writes at the same time. */
const mostTries = 5;

async function takeOver(cluster: Cluster, type: ResourceType, wanted: KubeObject): Promise<number> {
  const key = keyOf(wanted);
  for (let tries = 1; ; tries += 1) {
    const stored = await cluster.get(type, key);
    if (stored === undefined || !isMadeByKserve(stored)) return 2 * tries - 1;
    try {
      await cluster.patch(type, key, { type: "json", body: handOverPatch(stored, wanted) });
      return 2 * tries;
    } catch (error) {
      if (!isConflict(error) || tries === mostTries) throw error;
    }
  }
}

/** The mark, and replicas where no autoscaler sets them. */
const marking = (wanted: Deployment, live: Deployment): Deployment => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: {
    name: wanted.metadata?.name,
    namespace: wanted.metadata?.namespace,
    uid: live.metadata?.uid,
    annotations: { [annotations.adopted]: markOf(wanted, live) },
  },
  ...(wanted.spec?.replicas === undefined ? {} : { spec: { replicas: wanted.spec.replicas } as Deployment["spec"] }),
});

const hasReplicas = (live: Deployment, { spec }: Deployment): boolean =>
  spec?.replicas === undefined || live.spec?.replicas === spec.replicas;

async function settleDeployment(
  cluster: Cluster,
  wanted: Deployment,
  live: Deployment,
  origin: Origin,
): Promise<Settled> {
  const standing = standingOf(live, wanted);
  const mark = async (calls: number): Promise<Settled> => {
    await cluster.apply(resources.deployments, marking(wanted, live), { fieldManager: adoptionManager, force: true });
    return { objects: [], calls: calls + 1 };
  };
  if (standing === "kept") return hasReplicas(live, wanted) ? none : mark(0);
  if (standing === "undecided") {
    const stored = await cluster.get(resources.deployments, keyOf(wanted as KubeObject));
    if (stored === undefined) return { objects: [wanted as KubeObject], calls: 1 };
    if (await mayStay(cluster, stored, origin)) return mark(2);
  }
  return {
    objects: [wanted as KubeObject],
    calls: await takeOver(cluster, resources.deployments as ResourceType, wanted as KubeObject),
  };
}

export function createAdoption({ cluster, children }: AdoptionOptions): Adoption {
  const settleOne = async (object: KubeObject, origin: Origin): Promise<Settled> => {
    const key = keyOf(object);
    const live = children.get(object.kind as ChildKind, key);
    if (live === undefined || !isMadeByKserve(live)) return { objects: [object], calls: 0 };
    try {
      if (object.kind === "Deployment")
        return await settleDeployment(cluster, object as Deployment, live as Deployment, origin);
      const type = children.typeOf(object.kind as ChildKind);
      return { objects: [object], calls: type === undefined ? 0 : await takeOver(cluster, type, object) };
    } catch (error) {
      throw new ChildError(object, error);
    }
  };
  return {
    async settle(wanted, origin) {
      const objects: KubeObject[] = [];
      let calls = 0;
      for (const object of wanted) {
        const settled = await settleOne(object, origin);
        objects.push(...settled.objects);
        calls += settled.calls;
      }
      return { objects, calls };
    },
    async release(isvc) {
      const index = (isvc.metadata.finalizers ?? []).indexOf(servingFinalizer);
      if (index < 0) return 0;
      const path = `/metadata/finalizers/${index}`;
      const body = [
        { op: "test", path, value: servingFinalizer },
        { op: "remove", path },
      ];
      try {
        await cluster.patch(inferenceServices, keyOf(isvc), { type: "json", body });
      } catch (error) {
        // Somebody changed the list meanwhile: the next event brings us here again.
        if (!(error instanceof ApiError) || isTransient(error)) throw error;
      }
      return 1;
    },
  };
}
