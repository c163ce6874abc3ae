// SPDX-License-Identifier: Apache-2.0
// Tells the cluster where its webhooks are and whom to trust: the configurations whole, of CRDs the conversion only.
import { convertedPlurals, type KubeObject, type ResourceType, resources, servingGroup } from "@serval/api";
import type { Cluster } from "@serval/kube";
import { needsApply } from "../children/drift.ts";
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
  if (!needsApply(wanted, stored, fieldManager)) return;
  await cluster.apply(type, wanted, { fieldManager, force: true });
}

/** Writes only what differs. @throws ApiError. */
export async function register(cluster: Cluster, options: WebhookConfigurationOptions): Promise<void> {
  // First whoever converts: a write of such a kind is converted before it is admitted.
  for (const plural of convertedPlurals) {
    const name = `${plural}.${servingGroup}`;
    if ((await cluster.get(resources.customResourceDefinitions, { name })) === undefined) continue;
    await ensure(cluster, resources.customResourceDefinitions as ResourceType, crdConversion(name, options));
  }
  for (const wanted of webhookConfigurations(options)) {
    const isMutating = wanted.kind === mutatingWebhookConfigurations.kind;
    await ensure(cluster, isMutating ? mutatingWebhookConfigurations : validatingWebhookConfigurations, wanted);
  }
}
