// SPDX-License-Identifier: Apache-2.0
// What a take-over will change, object by object, and what stands in its way. Reads only.
import {
  type AnyObject,
  clusterServingRuntimes,
  configMapName,
  inferenceGraphs,
  type KubeObject,
  kserveNamespace,
  llmInferenceServices,
  localModelCaches,
  parseConfig,
  type ResourceType,
  resources,
  servingCrds,
  trainedModels,
} from "@serval/api";
import { type Cluster, isNotFound } from "@serval/kube";
import { silentLogger } from "@serval/observe";
import { type Effect, forecastAll, type ServiceForecast } from "@serval/operator/adoption/forecast.ts";
import { openView } from "@serval/operator/adoption/view.ts";
import { holderOf, readLease } from "./lease.ts";
import { findManagers, type Manager, servalKey } from "./managers.ts";
import { readSaved, readWebhooks } from "./saved.ts";

export interface PlanRow {
  readonly object: string;
  /** Changes in words. */
  readonly change: string;
  /** How many pods are replaced for it. */
  readonly pods: number;
}

export interface Plan {
  readonly managers: readonly Manager[];
  readonly serval: "not installed" | "stopped" | "stands by" | "leads" | "not ready";
  /** A take-over was begun and not given back. */
  readonly isBegun: boolean;
  readonly services: readonly ServiceForecast[];
  readonly rows: readonly PlanRow[];
  /** Why `--apply` refuses; none: it does not. */
  readonly blockers: readonly string[];
  /** What stays with whoever looks after it now. */
  readonly notes: readonly string[];
}

const changes: Readonly<Record<Effect, string>> = {
  ours: "none",
  kept: "annotation serval.dev/adopted; its template stays as it is",
  owner: "its fields' manager becomes serval-operator (metadata.managedFields)",
  content: "fields",
  created: "created",
  deleted: "deleted: nothing wants it any more",
  rolled: "rolled out anew: the service was edited and KServe has not followed",
};

const rowsOf = ({ service, objects, problem }: ServiceForecast): PlanRow[] => [
  { object: `InferenceService ${service}`, change: problem ?? "finalizer inferenceservice.finalizers goes", pods: 0 },
  ...objects.map(({ object, effect, fields }) => ({
    object,
    change: effect === "content" ? `fields ${fields.join(", ")}` : changes[effect],
    pods: effect === "rolled" ? 1 : 0,
  })),
];

/** A kind that the cluster does not serve has no objects. */
async function listOf<T extends KubeObject>(cluster: Cluster, type: ResourceType<T>): Promise<T[]> {
  try {
    return (await cluster.list(type)).items;
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

async function definitionRows(cluster: Cluster): Promise<PlanRow[]> {
  const { items } = await cluster.list(resources.customResourceDefinitions);
  const installed = new Set(items.map(({ metadata }) => metadata.name));
  return servingCrds().map(({ metadata }) => ({
    object: `CustomResourceDefinition ${metadata.name}`,
    change: installed.has(metadata.name) ? "every field it has stays; Serval's are added" : "created",
    pods: 0,
  }));
}

const webhookRows = (configurations: readonly AnyObject[]): PlanRow[] =>
  configurations.map(({ kind, metadata }) => ({
    object: `${kind} ${metadata.name}`,
    change: `calls Service ${servalKey.namespace}/serval-webhooks`,
    pods: 0,
  }));

const managerRows = (managers: readonly Manager[]): PlanRow[] =>
  managers
    .filter(({ role }) => role === "serving")
    .map(({ namespace, name, replicas }) => ({
      object: `Deployment ${namespace}/${name}`,
      change: `scaled from ${replicas} to 0`,
      // Of the controller, not of a model.
      pods: 0,
    }));

async function configRow(cluster: Cluster): Promise<PlanRow> {
  const stored = await cluster.get(resources.configMaps, { namespace: kserveNamespace, name: configMapName });
  const { problems } = parseConfig(stored?.data);
  const words = problems.map(({ path, message }) => `${path}: ${message}`).join("; ");
  return {
    object: `ConfigMap ${kserveNamespace}/${configMapName}`,
    change: words === "" ? "none" : `none; not understood: ${words}`,
    pods: 0,
  };
}

async function stateOfServal(cluster: Cluster): Promise<Plan["serval"]> {
  const deployment = await cluster.get(resources.deployments, servalKey);
  if (deployment === undefined) return "not installed";
  if (deployment.spec?.replicas === 0) return "stopped";
  if ((deployment.status?.readyReplicas ?? 0) === 0) return "not ready";
  return holderOf(await readLease(cluster), new Date()) === "serval" ? "leads" : "stands by";
}

const some = (names: readonly string[]): string =>
  names.length <= 5 ? names.join(", ") : `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`;

/** Pure. */
export function blockersOf({ managers, serval, services }: Pick<Plan, "managers" | "serval" | "services">): string[] {
  const others = services.filter(({ mode }) => mode !== "Standard");
  const elsewhere = managers.filter(({ role, namespace }) => role === "serving" && namespace !== kserveNamespace);
  const unelected = managers.filter(
    ({ role, electsLeader, replicas }) => role === "serving" && !electsLeader && replicas > 1,
  );
  return [
    ...(serval === "not installed"
      ? [`Serval is not installed: there is no Deployment ${servalKey.namespace}/${servalKey.name}`]
      : []),
    ...(serval === "not ready" ? [`Deployment ${servalKey.namespace}/${servalKey.name} has no ready replica`] : []),
    ...(others.length > 0
      ? [
          `${others.length} service(s) run in a mode that Serval does not serve, and nobody would look after them: ${some(others.map(({ service, mode }) => `${service} (${mode})`))}`,
        ]
      : []),
    ...elsewhere.map(
      ({ namespace }) =>
        `KServe runs in namespace ${namespace}, with its configuration and lease there; Serval reads those of ${kserveNamespace}`,
    ),
    ...unelected.map(({ name, replicas }) => `${name} runs ${replicas} replicas without --leader-elect`),
  ];
}

async function notesOf(cluster: Cluster, managers: readonly Manager[]): Promise<string[]> {
  const [llms, caches, graphs, models, runtimes] = await Promise.all([
    listOf(cluster, llmInferenceServices),
    listOf(cluster, localModelCaches),
    listOf(cluster, inferenceGraphs),
    listOf(cluster, trainedModels),
    listOf(cluster, clusterServingRuntimes),
  ]);
  const others = managers.filter(({ role }) => role !== "serving").map(({ namespace, name }) => `${namespace}/${name}`);
  const note = (count: number, words: string): string[] => (count === 0 ? [] : [`${count} ${words}`]);
  return [
    ...note(graphs.length, "InferenceGraph(s) are taken over with their routers"),
    ...note(models.length, "TrainedModel(s) are taken over; their finalizer trainedmodel.finalizer goes"),
    ...note(runtimes.length, "ClusterServingRuntime(s) stay as they are"),
    ...note(llms.length, "LLMInferenceService(s) stay with KServe's llmisvc controller: Serval has none"),
    ...note(caches.length, "LocalModelCache(s) stay with KServe's localmodel controller: Serval has none"),
    ...(others.length === 0 ? [] : [`These go on running: ${others.join(", ")}`]),
  ];
}

/** @throws ApiError. */
export async function makePlan(cluster: Cluster): Promise<Plan> {
  const stop = new AbortController();
  try {
    const [managers, serval, saved] = await Promise.all([
      findManagers(cluster),
      stateOfServal(cluster),
      readSaved(cluster),
    ]);
    const hasKserve = managers.some(({ role }) => role === "serving");
    const view =
      hasKserve || serval !== "not installed"
        ? await openView({ cluster, log: silentLogger, signal: stop.signal })
        : undefined;
    const services = view === undefined ? [] : await forecastAll(cluster, view);
    const rows = [
      ...managerRows(managers),
      ...webhookRows(await readWebhooks(cluster)),
      ...(await definitionRows(cluster)),
      await configRow(cluster),
      ...services.flatMap(rowsOf),
    ];
    const base = { managers, serval, services };
    return {
      ...base,
      isBegun: saved !== undefined,
      rows,
      blockers: blockersOf(base),
      notes: await notesOf(cluster, managers),
    };
  } finally {
    stop.abort();
  }
}
