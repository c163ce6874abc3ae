// SPDX-License-Identifier: Apache-2.0
// Tells the cluster where its webhooks are and whom to trust: the configurations whole, of CRDs the conversion only.
import { convertedPlurals, type KubeObject, type ResourceType, resources, servingGroup } from "@serval/api";
import type { Cluster } from "@serval/kube";
import { matches, needsApply } from "../children/drift.ts";
import {
  crdConversion,
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
  type WebhookConfigurationOptions,
  webhookConfigurations,
} from "./registrations.ts";

const fieldManager = "serval-webhooks";

async function ensure(cluster: Cluster, type: ResourceType, wanted: KubeObject): Promise<void> {
  const stored = await cluster.get(type, { name: wanted.metadata.name ?? "" });
  if (needsApply(wanted, stored, fieldManager)) await cluster.apply(type, wanted, { fieldManager, force: true });
}

/** Whoever installs the definition writes it too: a write of one that large costs the API server seconds. */
async function ensureConversion(cluster: Cluster, wanted: KubeObject): Promise<void> {
  const type = resources.customResourceDefinitions as ResourceType;
  const stored = await cluster.get(type, { name: wanted.metadata.name ?? "" });
  if (stored === undefined || matches(wanted, stored, fieldManager)) return;
  await cluster.apply(type, wanted, { fieldManager, force: true });
}

/** Writes only what differs; CRDs that are not installed are left to whoever installs them. @throws ApiError. */
export async function register(cluster: Cluster, options: WebhookConfigurationOptions): Promise<void> {
  const configurations = webhookConfigurations(options).map((wanted) => {
    const isMutating = wanted.kind === mutatingWebhookConfigurations.kind;
    return ensure(cluster, isMutating ? mutatingWebhookConfigurations : validatingWebhookConfigurations, wanted);
  });
  const conversions = convertedPlurals.map((plural) => {
    const wanted = crdConversion(`${plural}.${servingGroup}`, options);
    return ensureConversion(cluster, wanted);
  });
  await Promise.all([...configurations, ...conversions]);
}
