// SPDX-License-Identifier: Apache-2.0
// What `serval uninstall --purge` deletes besides: every service with its models' state, the kinds, and what the operator
// had brought. What somebody else made or uses stays.
import {
  type AnyObject,
  configMapName,
  type Key,
  type KubeObject,
  keyOf,
  kserveNamespace,
  type ResourceType,
  resources,
  ServalError,
  servingCrds,
  servingResources,
} from "@serval/api";
import { type Cluster, isNotFound } from "@serval/kube";
import { installManager, isServalIdentity, leaseName } from "@serval/operator";
import type { Target } from "./target.ts";
import { waitFor } from "./waiting.ts";

/** Kinds that something runs for; the others go with their definitions. */
const workKinds = ["InferenceService", "InferenceGraph", "TrainedModel", "LLMInferenceService"];
const workTypes = servingResources
  .map(({ type }) => type as ResourceType<AnyObject>)
  .filter(({ kind }) => workKinds.includes(kind));

async function listed(cluster: Cluster, type: ResourceType<AnyObject>): Promise<AnyObject[]> {
  try {
    return (await cluster.list(type)).items;
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? "" : "s"}`;

/** What would go, in one line. @throws ApiError. */
export async function purgeSummary(cluster: Cluster): Promise<string> {
  const lists = await Promise.all(workTypes.map(async (type) => [type.kind, await listed(cluster, type)] as const));
  const counted = lists.map(([kind, items]) => count(items.length, kind)).join(", ");
  const namespaces = new Set(lists.flatMap(([, items]) => items.map(({ metadata }) => metadata.namespace)));
  return `${counted} in ${count(namespaces.size, "namespace")}, and the kinds themselves`;
}

/** @throws ServalError KserveActs: its objects are not ours to delete. */
export async function refuseBesideKserve(cluster: Cluster): Promise<void> {
  const lease = await cluster.get(resources.leases, { namespace: kserveNamespace, name: leaseName });
  const holder = lease?.spec?.holderIdentity ?? "";
  if (holder === "" || isServalIdentity(holder)) return;
  throw new ServalError("KserveActs", `${holder} holds the lease ${kserveNamespace}/${leaseName}`, {
    fix: "Uninstall without --purge: KServe goes on with its services and kinds",
  });
}

async function deleteAll({ cluster, say, deadlineMs }: Target, type: ResourceType<AnyObject>): Promise<void> {
  const items = await listed(cluster, type);
  for (const item of items) await cluster.delete(type, keyOf(item), { propagationPolicy: "Foreground" });
  if (items.length > 0) say(`  ${count(items.length, type.kind)}`);
  await waitFor({ what: `the end of every ${type.kind}`, deadlineMs }, async () => {
    const left = await listed(cluster, type);
    return left.length === 0 ? undefined : `${left.length} left, ${left[0]?.metadata.name} among them`;
  });
}

/** While the operator still runs. @throws CommandError after the deadline. */
export async function purgeServices(target: Target): Promise<void> {
  for (const type of workTypes) await deleteAll(target, type);
}

/** Made by the operator, and by nobody else before. */
const isBrought = ({ metadata }: KubeObject): boolean =>
  metadata.managedFields?.some(({ manager }) => manager === installManager) === true;

async function deleteBrought({ cluster, say }: Target, type: ResourceType<AnyObject>, key: Key): Promise<void> {
  const stored = await cluster.get(type, key).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  if (stored === undefined || !isBrought(stored)) return;
  await cluster.delete(type, key, { propagationPolicy: "Background" });
  say(`  ${stored.kind} ${key.name}`);
}

/** After the operator has gone. Gateway API's kinds stay: others may use them. @throws ApiError. */
export async function purgeKinds(target: Target): Promise<void> {
  const any = (type: unknown): ResourceType<AnyObject> => type as ResourceType<AnyObject>;
  const { cluster, deadlineMs } = target;
  const names = servingCrds().map(({ metadata }) => metadata.name ?? "");
  for (const name of names) await deleteBrought(target, any(resources.customResourceDefinitions), { name });
  const brought: readonly (readonly [unknown, Key])[] = [
    [resources.gateways, { namespace: kserveNamespace, name: "kserve-ingress-gateway" }],
    [resources.gatewayClasses, { name: "serval" }],
    [resources.configMaps, { namespace: kserveNamespace, name: configMapName }],
    [resources.namespaces, { name: kserveNamespace }],
  ];
  for (const [type, key] of brought) await deleteBrought(target, any(type), key);
  await waitFor({ what: "the end of the kinds", deadlineMs }, async () => {
    for (const name of names) {
      const stored = await cluster.get(resources.customResourceDefinitions, { name });
      if (stored !== undefined && isBrought(stored as KubeObject)) return `${name} is still there`;
    }
    return undefined;
  });
}
