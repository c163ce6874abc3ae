// SPDX-License-Identifier: Apache-2.0
// What an object costs against ResourceQuotas. Pure; amounts are whole milli-units.
// Source: k8s.io/kubernetes/pkg/quota/v1/evaluator/core, https://kubernetes.io/docs/concepts/policy/resource-quotas/
import {
  type Container,
  type PersistentVolumeClaim,
  type Pod,
  quantityValue,
  type ResourceQuota,
  type ResourceType,
  type Service,
} from "@serval/api";

export type Amounts = ReadonlyMap<string, number>;

const milli = (quantity: string | number): number => Math.round(quantityValue(quantity) * 1_000);

/** Kinds that may be counted by their bare name too. */
const bareNames = new Set(["services", "secrets", "configmaps", "persistentvolumeclaims", "resourcequotas"]);
const compute = new Set(["cpu", "memory", "ephemeral-storage"]);

type Resources = { readonly requests: Map<string, number>; readonly limits: Map<string, number> };

function addUp(into: Map<string, number>, amounts: Readonly<Record<string, string>> | undefined): void {
  for (const [name, amount] of Object.entries(amounts ?? {})) into.set(name, (into.get(name) ?? 0) + milli(amount));
}

function raise(total: Map<string, number>, floor: ReadonlyMap<string, number>): void {
  for (const [name, amount] of floor) total.set(name, Math.max(total.get(name) ?? 0, amount));
}

const totalOf = (containers: readonly Container[]): Resources => {
  const total: Resources = { requests: new Map(), limits: new Map() };
  for (const { resources } of containers) {
    addUp(total.requests, resources?.requests);
    addUp(total.limits, resources?.limits);
  }
  return total;
};

/** Containers and sidecars together; an init container only when it needs more than all of them. */
function podResources({ spec }: Pod): Resources {
  const init = spec?.initContainers ?? [];
  const sidecars = init.filter(({ restartPolicy }) => restartPolicy === "Always");
  const total = totalOf([...(spec?.containers ?? []), ...sidecars]);
  for (const container of init) {
    const one = totalOf([container]);
    raise(total.requests, one.requests);
    raise(total.limits, one.limits);
  }
  return total;
}

const hasEnded = ({ status }: Pod): boolean => status?.phase === "Succeeded" || status?.phase === "Failed";

function podAmounts(pod: Pod): [string, number][] {
  if (hasEnded(pod)) return [];
  const { requests, limits } = podResources(pod);
  return [
    ["pods", 1_000],
    ...[...requests].map(([name, amount]): [string, number] => [`requests.${name}`, amount]),
    ...[...requests].filter(([name]) => compute.has(name)),
    ...[...limits]
      .filter(([name]) => compute.has(name))
      .map(([name, amount]): [string, number] => [`limits.${name}`, amount]),
  ];
}

function claimAmounts({ spec }: PersistentVolumeClaim): [string, number][] {
  const storage = milli(spec?.resources?.requests?.["storage"] ?? "0");
  const name = spec?.storageClassName;
  if (name === undefined) return [["requests.storage", storage]];
  const prefix = `${name}.storageclass.storage.k8s.io`;
  return [
    ["requests.storage", storage],
    [`${prefix}/requests.storage`, storage],
    [`${prefix}/persistentvolumeclaims`, 1_000],
  ];
}

function serviceAmounts({ spec }: Service): [string, number][] {
  if (spec?.type !== "LoadBalancer" && spec?.type !== "NodePort") return [];
  const isBalancer = spec.type === "LoadBalancer";
  const ports = (spec.ports ?? []).length * 1_000;
  return [
    ["services.nodeports", ports],
    ...(isBalancer ? [["services.loadbalancers", 1_000] as [string, number]] : []),
  ];
}

const extraAmounts: Readonly<Record<string, (object: never) => [string, number][]>> = {
  Pod: podAmounts,
  PersistentVolumeClaim: claimAmounts,
  Service: serviceAmounts,
};

type Counted = Pick<ResourceType, "group" | "plural" | "kind">;

export function amountsOf({ group, plural, kind }: Counted, object: object): Amounts {
  const isCore = group === "";
  const counted: [string, number][] = [[`count/${isCore ? plural : `${plural}.${group}`}`, 1_000]];
  if (isCore && bareNames.has(plural)) counted.push([plural, 1_000]);
  const extra = isCore && Object.hasOwn(extraAmounts, kind) ? extraAmounts[kind] : undefined;
  return new Map([...counted, ...(extra?.(object as never) ?? [])]);
}

export function sumOf(all: Iterable<Amounts>): Map<string, number> {
  const total = new Map<string, number>();
  for (const amounts of all) for (const [name, amount] of amounts) total.set(name, (total.get(name) ?? 0) + amount);
  return total;
}

const binary = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];

/** `1500m`, `2`, `512Mi`. */
export function amountText(name: string, amount: number): string {
  if (amount % 1_000 !== 0) return `${amount}m`;
  let [value, step] = [amount / 1_000, 0];
  const isBytes = /(memory|storage)$/.test(name);
  while (isBytes && value !== 0 && value % 1_024 === 0 && step < binary.length - 1)
    [value, step] = [value / 1_024, step + 1];
  return `${value}${binary[step]}`;
}

const isBestEffort = (pod: Pod): boolean => {
  const { requests, limits } = podResources(pod);
  return [requests, limits].every((map) => ![...compute].some((name) => (map.get(name) ?? 0) > 0));
};

function inScope(
  pod: Pod,
  scope: string,
  { operator, values }: { operator: string; values: readonly string[] },
): boolean {
  const isTerminating = pod.spec?.activeDeadlineSeconds !== undefined;
  if (scope === "PriorityClass") {
    const name = pod.spec?.priorityClassName;
    if (operator === "In") return name !== undefined && values.includes(name);
    if (operator === "NotIn") return name === undefined || !values.includes(name);
    return (name !== undefined) === (operator === "Exists");
  }
  if (scope === "Terminating") return isTerminating;
  if (scope === "NotTerminating") return !isTerminating;
  if (scope === "BestEffort") return isBestEffort(pod);
  return scope === "NotBestEffort" ? !isBestEffort(pod) : false;
}

/** A quota with scopes is about some pods only. */
export function concerns({ spec }: ResourceQuota, { group, kind }: Counted, object: object): boolean {
  const scopes = spec?.scopes ?? [];
  const expressions = spec?.scopeSelector?.matchExpressions ?? [];
  if (scopes.length === 0 && expressions.length === 0) return true;
  if (group !== "" || kind !== "Pod") return false;
  const pod = object as Pod;
  return (
    scopes.every((scope) => inScope(pod, scope, { operator: "Exists", values: [] })) &&
    expressions.every(({ scopeName, operator, values = [] }) => inScope(pod, scopeName, { operator, values }))
  );
}

/** Containers that say nothing about a resource that the quota limits: `requests.cpu for: main`. */
export function unspecified({ spec }: Pod, limited: readonly string[]): string[] {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  return limited.flatMap((name) => {
    const [, part = "requests", resource = name] = /^(requests|limits)\.(cpu|memory)$/.exec(name) ?? [];
    if (!["cpu", "memory"].includes(resource)) return [];
    const missing = containers.filter(
      ({ resources }) => resources?.[part as "requests" | "limits"]?.[resource] === undefined,
    );
    return missing.length === 0
      ? []
      : [
          `${name} for: ${missing
            .map((container) => container.name)
            .sort()
            .join(",")}`,
        ];
  });
}
