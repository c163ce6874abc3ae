// SPDX-License-Identifier: Apache-2.0
// `serval describe`: the chain InferenceService -> Deployment -> ReplicaSet -> Pod -> container, each with its own state,
// down to the deepest cause, and what to do about it.
import {
  type AnyObject,
  type ContainerStatus,
  type Deployment,
  type Event,
  type Pod,
  type ReplicaSet,
  resources,
} from "@serval/api";
import type { Cluster } from "@serval/kube";
import { CommandError, type Invocation, type Io, UsageError } from "../command.ts";
import { findKind, servedKinds } from "../discovery.ts";
import { namespaceOf, withCluster } from "../home.ts";

interface Condition {
  type: string;
  status: string;
  reason?: string | undefined;
  message?: string | undefined;
}

const because = ({ reason, message }: { reason?: string | undefined; message?: string | undefined }): string => {
  const text = [reason, message].filter((part) => part !== undefined && part !== "").join(": ");
  return text === "" ? "" : `  (${text})`;
};

const conditionsOf = (object: { status?: { conditions?: Condition[] | undefined } | undefined }): Condition[] =>
  object.status?.conditions ?? [];

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
  const notTrue = conditionsOf(pod as { status?: { conditions?: Condition[] } }).filter(
    ({ status }) => status !== "True",
  );
  const head = `Pod ${pod.metadata.name}: ${pod.status?.phase ?? "Pending"}${because({ reason: pod.status?.reason, message: pod.status?.message })}`;
  const scheduling = notTrue.filter(({ type }) => type === "PodScheduled").map((c) => `  not scheduled${because(c)}`);
  const containers = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return [head, ...scheduling, ...containers.map((status) => `  ${status.name}: ${containerLine(status)}`)];
}

const indent = (lines: readonly string[], by: number): string[] => lines.map((line) => " ".repeat(by) + line);
const ownedBy =
  (owner: { metadata: { uid?: string | undefined } }) =>
  (object: { metadata: { ownerReferences?: { uid: string }[] | undefined } }): boolean =>
    object.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid) === true;

function workloadLines(deployment: Deployment, sets: readonly ReplicaSet[], pods: readonly Pod[]): string[] {
  const { readyReplicas = 0, replicas = 0 } = deployment.status ?? {};
  const lines = [`Deployment ${deployment.metadata.name}: ${readyReplicas} of ${deployment.spec?.replicas ?? 1} ready`];
  for (const condition of conditionsOf(deployment as { status?: { conditions?: Condition[] } })) {
    if (condition.status === "False") lines.push(`  ${condition.type} is False${because(condition)}`);
  }
  const active = sets
    .filter(ownedBy(deployment))
    .filter((set) => (set.spec?.replicas ?? 0) > 0 || (set.status?.replicas ?? 0) > 0);
  for (const set of active) {
    lines.push(`  ReplicaSet ${set.metadata.name}: ${set.status?.replicas ?? 0} of ${set.spec?.replicas ?? 0} pods`);
    for (const pod of pods.filter(ownedBy(set))) lines.push(...indent(podLines(pod), 4));
  }
  if (replicas === 0 && active.length === 0) lines.push("  no pods yet");
  return lines;
}

function eventLines(events: readonly Event[], names: ReadonlySet<string>): string[] {
  const concerned = events.filter(({ involvedObject }) => names.has(involvedObject.name ?? ""));
  const at = (event: Event): string => event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp ?? "";
  return concerned
    .sort((a, b) => (at(a) < at(b) ? -1 : 1))
    .slice(-12)
    .map(
      (event) =>
        `${at(event)}  ${event.type}  ${event.reason}  ${event.involvedObject.kind}/${event.involvedObject.name}: ${event.message}${(event.count ?? 1) > 1 ? ` (x${event.count})` : ""}`,
    );
}

async function describe(cluster: Cluster, namespace: string, name: string): Promise<string[]> {
  const type = findKind(await servedKinds(cluster), "inferenceservices");
  const service = (await cluster.get(type, { namespace, name })) as
    | (AnyObject & {
        status?: {
          conditions?: Condition[];
          url?: string;
          serval?: { code?: string; reason?: string; message?: string; fix?: string };
        };
      })
    | undefined;
  if (service === undefined)
    throw new CommandError(
      `InferenceService "${name}" not found in namespace ${namespace}\nFix: serval get lists what there is`,
    );
  const [deployments, sets, pods, events] = await Promise.all([
    cluster.list(resources.deployments, { namespace }),
    cluster.list(resources.replicaSets, { namespace }),
    cluster.list(resources.pods, { namespace }),
    cluster.list(resources.coreEvents, { namespace }),
  ]);
  const own = deployments.items.filter(ownedBy(service));
  const ready = conditionsOf(service).find(({ type: kind }) => kind === "Ready");
  const { serval } = service.status ?? {};
  const related = new Set([
    name,
    ...[...own, ...sets.items, ...pods.items]
      .map(({ metadata }) => metadata.name)
      .filter((other) => other.startsWith(name)),
  ]);
  const happened = eventLines(events.items, related);
  return [
    `InferenceService ${namespace}/${name}: ${ready?.status === "True" ? "Ready" : "not ready"}${because(ready?.status === "True" ? {} : (ready ?? {}))}`,
    `  URL: ${service.status?.url ?? "none yet"}`,
    ...conditionsOf(service).map((condition) => `  ${condition.type}: ${condition.status}${because(condition)}`),
    ...(serval?.message === undefined ? [] : ["", `Cause: ${serval.code ?? ""} ${serval.message}`.trim()]),
    ...(serval?.fix === undefined ? [] : [`Fix: ${serval.fix}`]),
    "",
    ...own.flatMap((deployment) => workloadLines(deployment, sets.items, pods.items)),
    ...(own.length === 0 ? ["No Deployment yet"] : []),
    "",
    ...(happened.length === 0 ? ["Events: none"] : ["Events:", ...indent(happened, 2)]),
  ];
}

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const name = invocation.positionals.at(-1);
  if (name === undefined) throw new UsageError("Name an InferenceService");
  return withCluster(invocation, io, async (cluster) => {
    for (const line of await describe(cluster, namespaceOf(invocation), name)) io.out(line);
    return 0;
  });
}
