// SPDX-License-Identifier: Apache-2.0
// What a take-over replaces, kept in the cluster so that it can be given back by anybody, from anywhere: a ConfigMap
// beside Serval. Written once: a take-over that is run again must not save what the first run has made.
import { type AnyObject, type ConfigMap, type ResourceType, resources, servingGroup } from "@serval/api";
import type { Cluster } from "@serval/kube";
import { migrationKey as key } from "@serval/operator/adoption/handover.ts";
import {
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
} from "@serval/operator/webhooks/registrations.ts";

const entry = "state.json";

export interface SavedManager {
  readonly namespace: string;
  readonly name: string;
  readonly replicas: number;
  readonly version?: string | undefined;
}

export interface SavedState {
  /** ISO 8601. */
  readonly savedAt: string;
  readonly managers: readonly SavedManager[];
  /** Whole, without what the API server keeps. */
  readonly webhooks: readonly AnyObject[];
  /** `spec.conversion` by the name of the definition. */
  readonly conversions: Readonly<Record<string, unknown>>;
  /** Services that were Ready: `namespace/name`. */
  readonly ready: readonly string[];
}

export async function readSaved(cluster: Cluster): Promise<SavedState | undefined> {
  const stored = await cluster.get(resources.configMaps, key);
  const text = stored?.data?.[entry];
  return text === undefined ? undefined : (JSON.parse(text) as SavedState);
}

export async function writeSaved(cluster: Cluster, state: SavedState): Promise<void> {
  const object: ConfigMap = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: key,
    data: { [entry]: JSON.stringify(state, undefined, 2) },
  };
  await cluster.create(resources.configMaps, object);
}

export const dropSaved = (cluster: Cluster): Promise<void> => cluster.delete(resources.configMaps, key);

export const webhookTypes: readonly ResourceType[] = [mutatingWebhookConfigurations, validatingWebhookConfigurations];
export const webhookTypeOf = ({ kind }: Pick<AnyObject, "kind">): ResourceType =>
  webhookTypes.find((type) => type.kind === kind) as ResourceType;

const isServing = ({ metadata }: AnyObject): boolean => metadata.name?.endsWith(`.${servingGroup}`) === true;

/** As it would be created again. */
function restorable(object: AnyObject): AnyObject {
  const { name, labels, annotations, ownerReferences } = object.metadata;
  const metadata = { name, labels, annotations, ownerReferences };
  return { ...object, metadata: JSON.parse(JSON.stringify(metadata)) };
}

/** Every configuration of webhooks for our kinds. */
export async function readWebhooks(cluster: Cluster): Promise<AnyObject[]> {
  const lists = await Promise.all(webhookTypes.map((type) => cluster.list(type)));
  return lists
    .flatMap(({ items }) => items as AnyObject[])
    .filter(isServing)
    .map(restorable);
}

/** Only definitions that have a webhook for it. */
export async function readConversions(cluster: Cluster): Promise<Record<string, unknown>> {
  const { items } = await cluster.list(resources.customResourceDefinitions);
  return Object.fromEntries(
    items
      .filter(({ spec }) => spec.group === servingGroup && spec.conversion?.strategy === "Webhook")
      .map(({ metadata, spec }) => [metadata.name ?? "", spec.conversion]),
  );
}

/** Replaces whole objects: what Serval added goes. @throws ApiError. */
export async function restoreWebhooks(cluster: Cluster, { webhooks, conversions }: SavedState): Promise<void> {
  const current = await readWebhooks(cluster);
  for (const wanted of webhooks) {
    const type = webhookTypeOf(wanted);
    const stored = await cluster.get(type, { name: wanted.metadata.name ?? "" });
    const { resourceVersion } = stored?.metadata ?? {};
    if (stored === undefined) await cluster.create(type, wanted);
    else await cluster.update(type, { ...wanted, metadata: { ...wanted.metadata, resourceVersion } });
  }
  const isSaved = ({ kind, metadata }: AnyObject): boolean =>
    webhooks.some((saved) => saved.kind === kind && saved.metadata.name === metadata.name);
  for (const object of current)
    if (!isSaved(object)) await cluster.delete(webhookTypeOf(object), { name: object.metadata.name ?? "" });
  await restoreConversions(cluster, conversions);
}

async function restoreConversions(cluster: Cluster, conversions: SavedState["conversions"]): Promise<void> {
  const type = resources.customResourceDefinitions;
  const { items } = await cluster.list(type);
  for (const { metadata, spec } of items.filter((crd) => crd.spec.group === servingGroup)) {
    const saved = conversions[metadata.name ?? ""];
    const isOurs = saved === undefined && spec.conversion?.strategy === "Webhook";
    if (saved === undefined && !isOurs) continue;
    const body = [{ op: "replace", path: "/spec/conversion", value: saved ?? { strategy: "None" } }];
    await cluster.patch(type, { name: metadata.name ?? "" }, { type: "json", body });
  }
}
