// SPDX-License-Identifier: Apache-2.0
// Prepares what we made for KServe's controller, so that it finds nothing to change: it compares a Deployment's whole spec
// with its own, and ours holds what its pod webhook would add. No pod is replaced: the Deployment is paused, its
// ReplicaSet gets the same new template, and when the Deployment goes on, Kubernetes finds a ReplicaSet that matches.
// Run while neither controller acts.
import { annotations, type Deployment, type KubeObject, keyOf, keyText, type ReplicaSet, resources } from "@serval/api";
import { type Cluster, isConflict } from "@serval/kube";
import { canonical, withoutReplicas } from "./mark.ts";
import { givenBack, isMark, isOurs } from "./ownership.ts";
import { waitFor } from "./wait.ts";

/** `same`: KServe finds what it would write. `rewritten`: it does now. `left`: KServe does not know the object. */
export type Return = "same" | "rewritten" | "left";

export interface ReturnedDeployment {
  readonly object: string;
  readonly return: Return;
}

const deployments = resources.deployments;
const hashLabel = "pod-template-hash";

interface Task {
  readonly cluster: Cluster;
  readonly form: Deployment;
  readonly deadlineMs: number;
}

const read = async ({ cluster, form }: Task): Promise<Deployment | undefined> =>
  cluster.get(deployments, keyOf(form as KubeObject));

/** Its controller has seen the newest spec, and no pod is of an older one; pods that cannot be made are not waited for. */
const isSettled = ({ metadata, status }: Deployment): boolean =>
  status?.observedGeneration === metadata?.generation && (status?.replicas ?? 0) === (status?.updatedReplicas ?? 0);

const hasSeen = ({ metadata, status }: Deployment): boolean => status?.observedGeneration === metadata?.generation;

const waited = (task: Task, what: string, test: (deployment: Deployment) => boolean): Promise<Deployment> =>
  waitFor(`${keyText(keyOf(task.form as KubeObject))} ${what}`, task.deadlineMs, async () => {
    const stored = await read(task);
    return stored !== undefined && test(stored) ? stored : undefined;
  });

/** A patch that only holds for the object as it was read. */
const versioned = ({ metadata }: Deployment, ...operations: readonly unknown[]): readonly unknown[] => [
  { op: "replace", path: "/metadata/resourceVersion", value: metadata?.resourceVersion },
  ...operations,
];

const specOf = ({ spec }: Deployment): readonly unknown[] => [
  { op: "replace", path: "/spec/template", value: spec?.template },
  { op: "replace", path: "/spec/strategy", value: spec?.strategy },
];

/** The spec as KServe's controller would have it stored. */
async function kserveSpec({ cluster, form }: Task, stored: Deployment): Promise<Deployment["spec"]> {
  const body = versioned(stored, ...specOf(form));
  const dry = await cluster.patch(deployments, keyOf(form as KubeObject), { type: "json", body }, { dryRun: true });
  return dry.spec;
}

/** As KServe's manager would own it, without our mark. Twice, where somebody wrote its status at the same time. */
async function handBack(task: Task, stored: Deployment, more: readonly unknown[]): Promise<void> {
  const entries = (stored.metadata?.managedFields ?? []).filter((entry) => !isMark(entry));
  const mark = `/metadata/annotations/${annotations.adopted.replaceAll("/", "~1")}`;
  const isMarked = stored.metadata?.annotations?.[annotations.adopted] !== undefined;
  const body = versioned(
    stored,
    { op: "replace", path: "/metadata/managedFields", value: givenBack(entries) },
    ...(isMarked ? [{ op: "remove", path: mark }] : []),
    ...more,
  );
  try {
    await task.cluster.patch(deployments, keyOf(task.form as KubeObject), { type: "json", body });
  } catch (error) {
    const again = isConflict(error) ? await read(task) : undefined;
    if (again === undefined) throw error;
    await handBack(task, again, more);
  }
}

type Template = NonNullable<Deployment["spec"]>["template"];

const withoutHash = (template: Template | undefined): string => {
  const { [hashLabel]: _hash, ...labels } = template?.metadata?.labels ?? {};
  return canonical({ ...template, metadata: { ...template?.metadata, labels } });
};

async function setsOf({ cluster }: Task, { metadata }: Deployment): Promise<ReplicaSet[]> {
  const { items } = await cluster.list(resources.replicaSets, { namespace: metadata?.namespace });
  return items.filter(({ metadata: own }) => own?.ownerReferences?.some(({ uid }) => uid === metadata?.uid));
}

/** Older sets with the new template would be chosen instead of the one whose pods run: they have none, and go. */
async function moveSet(task: Task, paused: Deployment, spec: Deployment["spec"]): Promise<void> {
  const { cluster } = task;
  const sets = await setsOf(task, paused);
  const [current, target] = [withoutHash(paused.spec?.template), withoutHash(spec?.template)];
  const running = sets.find((set) => withoutHash(set.spec?.template) === current);
  for (const set of sets) {
    const isRival = set !== running && withoutHash(set.spec?.template) === target && (set.spec?.replicas ?? 0) === 0;
    if (isRival) await cluster.delete(resources.replicaSets, keyOf(set as KubeObject));
  }
  // Moved by an earlier run that was interrupted.
  if (running === undefined) return;
  const hash = running.spec?.template?.metadata?.labels?.[hashLabel] ?? "";
  const { metadata, ...pod } = spec?.template ?? {};
  const template = { metadata: { ...metadata, labels: { ...metadata?.labels, [hashLabel]: hash } }, ...pod };
  const body = [{ op: "replace", path: "/spec/template", value: template }];
  await cluster.patch(resources.replicaSets, keyOf(running as KubeObject), { type: "json", body });
}

async function rewrite(task: Task, stored: Deployment): Promise<void> {
  const { cluster, form } = task;
  const key = keyOf(form as KubeObject);
  if (stored.spec?.paused !== true)
    await cluster.patch(deployments, key, { type: "merge", body: { spec: { paused: true } } });
  const paused = await waited(task, "paused", hasSeen);
  const spec = await kserveSpec(task, paused);
  await moveSet(task, paused, spec);
  const now = await waited(task, "paused", hasSeen);
  await handBack(task, now, [...specOf({ ...form, spec }), { op: "remove", path: "/spec/paused" }]);
  await waited(task, "going on", isSettled);
}

/** One Deployment, which KServe would write as `form`. @throws ApiError; Error when its controller does not follow in time. */
export async function giveBackDeployment(task: Task): Promise<ReturnedDeployment | undefined> {
  const object = `Deployment ${keyText(keyOf(task.form as KubeObject))}`;
  const first = await read(task);
  if (first === undefined) return undefined;
  const isOurOwn = first.metadata?.managedFields?.some(isOurs) === true;
  if (!isOurOwn && first.metadata?.annotations?.[annotations.adopted] === undefined) return { object, return: "same" };
  const isStarted = first.spec?.paused === true;
  const stored = isStarted ? first : await waited(task, "rolled out", isSettled);
  const spec = await kserveSpec(task, stored);
  const wanted = canonical(withoutReplicas({ ...stored, spec }));
  if (!isOurOwn || wanted === canonical(withoutReplicas(stored))) {
    await handBack(task, stored, []);
    return { object, return: "same" };
  }
  await rewrite(task, stored);
  return { object, return: "rewritten" };
}
