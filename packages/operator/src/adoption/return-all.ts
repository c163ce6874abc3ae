// SPDX-License-Identifier: Apache-2.0
// Everything that we made of every service, prepared for KServe. Needs the operator's caches, and acts on nothing else.
import {
  type Deployment,
  type InferenceService,
  inferenceGraphs,
  type Key,
  type KubeObject,
  keyOf,
  keyText,
} from "@serval/api";
import { type Cluster, isConflict } from "@serval/kube";
import type { ChildKind } from "../children/children.ts";
import { type ObserveDeps, observe } from "../controllers/inference-service/observe.ts";
import { type Resolved, resolve } from "../controllers/inference-service/resolve.ts";
import { giveBackDeployment, type ReturnedDeployment } from "./give-back.ts";
import { kserveDeployments } from "./kserve-form.ts";
import { givenBack, isOurs } from "./ownership.ts";

export interface ReturnOptions {
  readonly cluster: Cluster;
  /** Synced caches. */
  readonly deps: ObserveDeps;
  readonly deadlineMs: number;
  readonly onDone: (returned: ReturnedDeployment) => void;
}

async function resolvedOf(deps: ObserveDeps, key: Key): Promise<Resolved | undefined> {
  const observed = await observe(deps, key);
  const resolution = observed === undefined ? undefined : resolve(observed);
  return resolution !== undefined && "resolved" in resolution ? resolution.resolved : undefined;
}

/** Services whose newest predictor runs under a name that KServe does not use (`canaryTrafficPercent`). */
export async function unreturnable(deps: ObserveDeps): Promise<string[]> {
  const names: string[] = [];
  for (const isvc of deps.caches.services.list()) {
    const resolved = await resolvedOf(deps, keyOf(isvc));
    if (resolved === undefined || resolved.isStopped) continue;
    const isMoved = resolved.components.some(({ name, workload }) => name !== workload);
    const isSplit = (isvc.spec.canary ?? []).length === 0 && resolved.canaries.length > 0;
    if (isMoved || isSplit) names.push(keyText(keyOf(isvc)));
  }
  return names;
}

/** The other children: only whose fields they are. KServe writes over what differs, and nothing of it restarts a pod. */
async function handBack({ cluster, deps: { children } }: ReturnOptions, child: KubeObject): Promise<void> {
  const type = children.typeOf(child.kind as ChildKind);
  const stored = type && (await cluster.get(type, keyOf(child)));
  if (type === undefined || stored?.metadata.managedFields?.some(isOurs) !== true) return;
  const body = [
    { op: "replace", path: "/metadata/resourceVersion", value: stored.metadata.resourceVersion },
    { op: "replace", path: "/metadata/managedFields", value: givenBack(stored.metadata.managedFields) },
  ];
  try {
    await cluster.patch(type, keyOf(child), { type: "json", body });
  } catch (error) {
    if (!isConflict(error)) throw error;
    await handBack({ cluster, deps: { children } } as ReturnOptions, child);
  }
}

async function returnChildren(options: ReturnOptions, uid: string, forms: readonly Deployment[]): Promise<void> {
  const { cluster, deps, deadlineMs, onDone } = options;
  for (const form of forms) {
    const returned = await giveBackDeployment({ cluster, form, deadlineMs });
    if (returned !== undefined) onDone(returned);
  }
  for (const child of deps.children.ownedBy(uid)) {
    if (child.kind !== "Deployment") await handBack(options, child);
    else if (!forms.some(({ metadata }) => metadata?.name === child.metadata.name))
      onDone({ object: `Deployment ${keyText(keyOf(child))}`, return: "left" });
  }
}

const returnService = async (options: ReturnOptions, isvc: InferenceService): Promise<void> => {
  const resolved = await resolvedOf(options.deps, keyOf(isvc));
  const forms = resolved === undefined || resolved.isStopped ? [] : kserveDeployments(resolved);
  await returnChildren(options, isvc.metadata.uid ?? "", forms);
};

/** @throws ApiError; Error when a Deployment's controller does not follow in time. Can be run again. */
export async function returnAll(options: ReturnOptions): Promise<void> {
  const { cluster, deps } = options;
  for (const isvc of deps.caches.services.list()) await returnService(options, isvc);
  const { items: graphs } = await cluster.list(inferenceGraphs);
  for (const { metadata } of graphs) {
    // A router's template is the same in both.
    const routers = deps.children.ownedBy(metadata.uid ?? "").filter(({ kind }) => kind === "Deployment");
    await returnChildren(options, metadata.uid ?? "", routers as Deployment[]);
  }
}
