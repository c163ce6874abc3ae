// SPDX-License-Identifier: Apache-2.0
// Scheduling on one node: a pod that fits is bound as it is created (one write instead of two), one that does not stays
// Pending and says why. CPU and memory are not counted: a laptop overcommits, limits still hold (ADR 0003).
import {
  type AnyObject,
  type Container,
  keyOf,
  type NodeSelectorRequirement,
  type NodeSelectorTerm,
  type Pod,
  quantityValue,
  resources,
} from "@serval/api";
import type { AdmissionPlugin, ReconcileResult } from "@serval/kube";
import { nodeName, nodeObject } from "../kubelet/node-object.ts";
import type { ControllerContext } from "./context.ts";

const overcommitted = new Set(["cpu", "memory", "ephemeral-storage"]);

export interface NodeOffer {
  readonly labels: Readonly<Record<string, string>>;
  /** Extended resources that can be given out: `nvidia.com/gpu`. */
  readonly extended: Readonly<Record<string, number>>;
}

const operators: Readonly<Record<string, (value: string | undefined, values: readonly string[]) => boolean>> = {
  In: (value, values) => value !== undefined && values.includes(value),
  NotIn: (value, values) => value === undefined || !values.includes(value),
  Exists: (value) => value !== undefined,
  DoesNotExist: (value) => value === undefined,
  Gt: (value, [bound]) => value !== undefined && Number(value) > Number(bound),
  Lt: (value, [bound]) => value !== undefined && Number(value) < Number(bound),
};

/** A term without requirements matches nothing. Source: k8s.io/component-helpers/scheduling/corev1/nodeaffinity */
function meets({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, { labels }: NodeOffer): boolean {
  const holds = ({ key, operator, values = [] }: NodeSelectorRequirement, from: Readonly<Record<string, string>>) =>
    operators[operator]?.(from[key], values) ?? false;
  return (
    matchExpressions.length + matchFields.length > 0 &&
    matchExpressions.every((one) => holds(one, labels)) &&
    matchFields.every((one) => holds(one, { "metadata.name": nodeName }))
  );
}

function extendedRequests(containers: readonly Container[]): Map<string, number> {
  const wanted = new Map<string, number>();
  for (const { resources: asked } of containers)
    for (const [name, amount] of Object.entries({ ...asked?.limits, ...asked?.requests }))
      if (!overcommitted.has(name)) wanted.set(name, (wanted.get(name) ?? 0) + quantityValue(amount));
  return wanted;
}

/** Why a pod does not fit, in kube-scheduler's words; undefined: it fits. Pure. */
export function whyUnschedulable(pod: Pod, offer: NodeOffer): string | undefined {
  const spec = pod.spec;
  const mismatch = Object.entries(spec?.nodeSelector ?? {}).some(([key, value]) => offer.labels[key] !== value);
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (mismatch || (required !== undefined && !required.some((term) => meets(term, offer))))
    return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";
  const wanted = extendedRequests(spec?.containers ?? []);
  for (const container of spec?.initContainers ?? [])
    for (const [name, amount] of extendedRequests([container]))
      wanted.set(name, Math.max(wanted.get(name) ?? 0, amount));
  const short = [...wanted]
    .filter(([name, amount]) => amount > (offer.extended[name] ?? 0))
    .map(([name]) => `1 Insufficient ${name}`);
  return short.length === 0
    ? undefined
    : `0/1 nodes are available: ${short.join(", ")}. This machine offers none; remove the request or use a cluster that has it.`;
}

export const thisNode = (version: string): NodeOffer => ({
  labels: nodeObject(version, new Date(0)).metadata.labels ?? {},
  extended: {},
});

export function schedulerAdmission(offer: NodeOffer): AdmissionPlugin {
  return {
    name: "scheduler.serval.dev",
    phase: "mutate",
    handles: ({ resource, operation, subresource }) =>
      resource.kind === "Pod" && operation === "CREATE" && subresource === undefined,
    async admit({ object }) {
      const pod = object as unknown as Pod;
      if (pod.spec === undefined || (pod.spec.nodeName ?? "") !== "" || whyUnschedulable(pod, offer) !== undefined)
        return {};
      return { object: { ...pod, spec: { ...pod.spec, nodeName } } as unknown as AnyObject };
    },
  };
}

/** Says on the pod why it waits. */
export async function reconcileUnscheduled(
  context: ControllerContext,
  pod: Pod,
  offer: NodeOffer,
): Promise<ReconcileResult> {
  const message = whyUnschedulable(pod, offer);
  if (message === undefined || (pod.spec?.nodeName ?? "") !== "") return undefined;
  const old = pod.status?.conditions?.find((c) => c.type === "PodScheduled");
  if (old?.message === message) return undefined;
  const lastTransitionTime = context
    .now()
    .toISOString()
    .replace(/\.\d+Z$/, "Z");
  const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message, lastTransitionTime }];
  await context.cluster.patch(
    resources.pods,
    keyOf(pod),
    { type: "merge", body: { status: { phase: "Pending", conditions } } },
    { subresource: "status" },
  );
  context.events.record(pod, "Warning", "FailedScheduling", message);
  return undefined;
}
