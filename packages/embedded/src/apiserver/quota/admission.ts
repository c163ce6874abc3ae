// SPDX-License-Identifier: Apache-2.0
// ResourceQuotas at the door: an object that would exceed one is refused in Kubernetes' words.
// Source: k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go. Kubernetes also checks updates that cost
// more than before (a Service that becomes a LoadBalancer); here only creation is checked.
import { type AnyObject, type Pod, quantityValue, type ResourceQuota } from "@serval/api";
import { forbidden } from "../status.ts";
import type { Call } from "../verbs/context.ts";
import { type Amounts, amountsOf, amountText, concerns, sumOf, unspecified } from "./usage.ts";

/** Objects that were let through and are not stored yet, by store and folder. */
const pending = new WeakMap<object, Map<string, Set<AnyObject>>>();
const nothing = (): void => undefined;

const listText = (names: readonly string[], amounts: Amounts): string =>
  names.map((name) => `${name}=${amountText(name, amounts.get(name) ?? 0)}`).join(",");

interface Charge {
  readonly cost: Amounts;
  readonly object: AnyObject;
  readonly others: readonly AnyObject[];
}

/** Undefined: the quota lets it through. */
function refusalOf({ resource }: Call, quota: ResourceQuota, { cost, object, others }: Charge): string | undefined {
  if (!concerns(quota, resource.type, object)) return undefined;
  const hard = quota.spec?.hard ?? {};
  const name = quota.metadata.name;
  const isPod = resource.type.group === "" && resource.type.kind === "Pod";
  const missing = isPod ? unspecified(object as unknown as Pod, Object.keys(hard).sort()) : [];
  if (missing.length > 0) return `failed quota: ${name}: must specify ${missing.join("; ")}`;
  const limited = Object.keys(hard).filter((key) => (cost.get(key) ?? 0) > 0);
  if (limited.length === 0) return undefined;
  const used = sumOf(
    others.filter((other) => concerns(quota, resource.type, other)).map((other) => amountsOf(resource.type, other)),
  );
  const limits = new Map(limited.map((key) => [key, Math.round(quantityValue(hard[key] as string) * 1_000)]));
  const over = limited
    .filter((key) => (used.get(key) ?? 0) + (cost.get(key) as number) > (limits.get(key) as number))
    .sort();
  if (over.length === 0) return undefined;
  return `exceeded quota: ${name}, requested: ${listText(over, cost)}, used: ${listText(over, used)}, limited: ${listText(over, limits)}`;
}

/**
 * Charges a new object to the quotas of its namespace.
 *
 * @returns to be called once it is stored, or has failed to be.
 * @throws ApiError 403 naming the quota.
 */
export function chargeQuota(call: Call, object: AnyObject): () => void {
  const { context, resource, namespace } = call;
  if (!resource.type.namespaced || namespace === undefined || resource.prefix === "core/events/") return nothing;
  const quotas = context.store.list(`core/resourcequotas/${namespace}/`);
  if (quotas.length === 0) return nothing;
  const folder = `${resource.prefix}${namespace}/`;
  const folders = pending.get(context.store) ?? new Map<string, Set<AnyObject>>();
  pending.set(context.store, folders);
  const waiting = folders.get(folder) ?? new Set();
  folders.set(folder, waiting);
  const stored = context.store.list(folder).map(({ value }) => value);
  const names = new Set(stored.map(({ metadata }) => metadata.name));
  const others = [...stored, ...[...waiting].filter(({ metadata }) => !names.has(metadata.name))];
  const cost = amountsOf(resource.type, object);
  for (const { value } of quotas) {
    const why = refusalOf(call, value as unknown as ResourceQuota, { cost, object, others });
    if (why !== undefined) throw forbidden(resource.type, object.metadata.name ?? "", why);
  }
  if (call.dryRun) return nothing;
  waiting.add(object);
  return () => waiting.delete(object);
}
