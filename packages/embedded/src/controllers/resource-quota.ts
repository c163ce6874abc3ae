// SPDX-License-Identifier: Apache-2.0
// The status of ResourceQuotas: what is used of what they allow.
// Source: k8s.io/kubernetes/pkg/controller/resourcequota/resource_quota_controller.go
import { type Key, type KubeObject, keyOf, type Pod, type ResourceQuota, resources } from "@serval/api";
import { type Informer, type ReconcileResult, type Watch, watchOf } from "@serval/kube";
import { type Amounts, amountsOf, amountText, concerns, sumOf } from "../apiserver/quota/usage.ts";
import type { ControllerContext } from "./context.ts";

/** Pure. Every name that the quota limits, with what the objects use of it. */
export function quotaStatus(quota: ResourceQuota, used: Amounts): NonNullable<ResourceQuota["status"]> {
  const hard = quota.spec?.hard ?? {};
  const names = Object.keys(hard).sort();
  return { hard, used: Object.fromEntries(names.map((name) => [name, amountText(name, used.get(name) ?? 0)])) };
}

/** Kinds whose specification costs something, held whole; all others cost one of their kind. */
function countedInformers(
  { informers }: ControllerContext,
  metadataOnly: readonly Informer<KubeObject>[],
): Informer<KubeObject>[] {
  const whole = [informers.pods, informers.services, informers.claims] as unknown as Informer<KubeObject>[];
  const held = new Set(whole.map(({ type }) => `${type.group}/${type.plural}`));
  return [...whole, ...metadataOnly.filter(({ type }) => type.namespaced && !held.has(`${type.group}/${type.plural}`))];
}

/** Quotas of the namespaces in which something came, went or ended. */
export function quotaWatches(
  context: ControllerContext,
  metadataOnly: readonly Informer<KubeObject>[],
  quotas: Informer<ResourceQuota>,
): Watch[] {
  const phaseOf = (object: KubeObject | undefined): unknown => (object as Pod | undefined)?.status?.phase;
  return countedInformers(context, metadataOnly).map((informer) =>
    watchOf(informer, ({ type, object, old }) =>
      type === "modified" && phaseOf(object) === phaseOf(old) ? [] : quotas.list(object.metadata.namespace).map(keyOf),
    ),
  );
}

export async function reconcileQuota(
  context: ControllerContext,
  quota: ResourceQuota | undefined,
  metadataOnly: readonly Informer<KubeObject>[],
): Promise<ReconcileResult> {
  if (quota === undefined) return undefined;
  const { cluster } = context;
  const informers = countedInformers(context, metadataOnly);
  const { namespace, name } = quota.metadata;
  const key: Key = { namespace, name };
  const costs = informers
    .flatMap(({ type, list }) => ({ type, objects: list(namespace) }))
    .flatMap(({ type, objects }) =>
      objects.filter((object) => concerns(quota, type, object)).map((object) => amountsOf(type, object)),
    );
  const status = quotaStatus(quota, sumOf(costs));
  const sorted = (amounts: object | undefined): string => JSON.stringify(Object.entries(amounts ?? {}).sort());
  const isSame =
    sorted(quota.status?.hard) === sorted(status.hard) && sorted(quota.status?.used) === sorted(status.used);
  if (isSame) return undefined;
  await cluster.patch(
    resources.resourceQuotas,
    key,
    { type: "json", body: [{ op: "add", path: "/status", value: status }] },
    { subresource: "status" },
  );
  return undefined;
}
