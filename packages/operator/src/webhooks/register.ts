// SPDX-License-Identifier: Apache-2.0
// Tells the cluster where its webhooks are and whom to trust: the configurations whole, of CRDs the conversion only.
import {
  type AnyObject,
  convertedPlurals,
  type KubeObject,
  type ResourceType,
  resources,
  servingGroup,
} from "@serval/api";
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

/** cert-manager's injector would write the authority of whoever was registered before, again and again. */
export const injectorAnnotation = "cert-manager.io/inject-ca-from";

const isOwn = (stored: KubeObject): boolean =>
  stored.metadata.managedFields?.some(({ manager }) => manager === fieldManager) === true;

/**
 * A registration of another controller under the same name is replaced whole: server-side apply alone would keep what
 * that one owns, an address beside ours, or a webhook that nobody answers any more.
 */
async function takeOver(cluster: Cluster, type: ResourceType<AnyObject>, wanted: AnyObject): Promise<void> {
  const key = { name: wanted.metadata.name ?? "" };
  const annotations = { [injectorAnnotation]: null };
  const body = { metadata: { annotations }, webhooks: wanted["webhooks"] };
  await cluster.patch(type, key, { type: "merge", body }, { fieldManager: "serval-takeover" });
  const made = await cluster.apply(type, wanted, { fieldManager, force: true });
  const { resourceVersion, managedFields = [] } = made.metadata;
  const own = managedFields.filter(({ manager }) => manager === fieldManager);
  await cluster.patch(type, key, { type: "merge", body: { metadata: { resourceVersion, managedFields: own } } });
}

async function ensure(cluster: Cluster, type: ResourceType<AnyObject>, wanted: AnyObject): Promise<void> {
  const stored = await cluster.get(type, { name: wanted.metadata.name ?? "" });
  if (!needsApply(wanted, stored, fieldManager)) return;
  if (stored !== undefined && !isOwn(stored)) return takeOver(cluster, type, wanted);
  await cluster.apply(type, wanted, { fieldManager, force: true });
}

/** Whoever installs the definition writes it too: a write of one that large costs the API server seconds. */
async function ensureConversion(cluster: Cluster, wanted: KubeObject): Promise<void> {
  const type = resources.customResourceDefinitions as ResourceType;
  const stored = await cluster.get(type, { name: wanted.metadata.name ?? "" });
  if (stored === undefined || matches(wanted, stored, fieldManager)) return;
  await cluster.apply(type, wanted, { fieldManager, force: true });
}

export interface RegisterOptions extends WebhookConfigurationOptions {
  /** Whoever installed the kinds a moment ago wrote their conversion: they are large, and need not be read again. */
  readonly hasConversion?: boolean;
}

/** Writes only what differs; CRDs that are not installed are left to whoever installs them. @throws ApiError. */
export async function register(cluster: Cluster, options: RegisterOptions): Promise<void> {
  const configurations = webhookConfigurations(options).map((wanted) => {
    const isMutating = wanted.kind === mutatingWebhookConfigurations.kind;
    const type = isMutating ? mutatingWebhookConfigurations : validatingWebhookConfigurations;
    return ensure(cluster, type as ResourceType<AnyObject>, wanted);
  });
  const conversions = (options.hasConversion === true ? [] : convertedPlurals).map((plural) => {
    const wanted = crdConversion(`${plural}.${servingGroup}`, options);
    return ensureConversion(cluster, wanted);
  });
  await Promise.all([...configurations, ...conversions]);
}
