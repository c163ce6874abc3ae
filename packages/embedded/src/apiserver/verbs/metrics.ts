// SPDX-License-Identifier: Apache-2.0
// `metrics.k8s.io/v1beta1`: what pods and the node use, for `kubectl top`. Read only, from the kubelet's measurements.
// Source: https://github.com/kubernetes/metrics, pkg/apis/metrics/v1beta1/types.go
import { type Node, type Pod, resources } from "@serval/api";
import type { ApiRequest } from "@serval/kube";
import { isSwitchedOn } from "../query-switch.ts";
import type { NodeUsage, PodUsage, ResourceMetrics } from "../resource-metrics.ts";
import type { Route } from "../route.ts";
import { parseSelectors } from "../selector.ts";
import { methodNotAllowed, notFound, notServed, unknownResource } from "../status.ts";
import type { ServerContext } from "./context.ts";

export const metricsGroup = "metrics.k8s.io";
const apiVersion = `${metricsGroup}/v1beta1`;

const usageOf = (cpuMilli: number, memoryBytes: number) => ({
  cpu: cpuMilli === 0 ? "0" : `${cpuMilli}m`,
  memory: `${Math.ceil(memoryBytes / 1_024)}Ki`,
});
const timesOf = ({ atMs, windowMs }: PodUsage | NodeUsage) => ({
  timestamp: new Date(atMs).toISOString().replace(/\.\d+Z$/, "Z"),
  window: `${windowMs / 1_000}s`,
});

function podMetrics(pod: Pod, usage: PodUsage): object {
  const { name, namespace, labels } = pod.metadata;
  return {
    kind: "PodMetrics",
    apiVersion,
    metadata: { name, namespace, creationTimestamp: timesOf(usage).timestamp, ...(labels ? { labels } : {}) },
    ...timesOf(usage),
    containers: usage.containers.map((c) => ({ name: c.name, usage: usageOf(c.cpuMilli, c.memoryBytes) })),
  };
}

function nodeMetrics({ metadata }: Node, usage: NodeUsage): object {
  const { name, labels } = metadata;
  return {
    kind: "NodeMetrics",
    apiVersion,
    metadata: { name, creationTimestamp: timesOf(usage).timestamp, ...(labels ? { labels } : {}) },
    ...timesOf(usage),
    usage: usageOf(usage.cpuMilli, usage.memoryBytes),
  };
}

function measuredNodes({ store }: ServerContext, metrics: ResourceMetrics): (readonly [Node, object])[] {
  const usage = metrics.ofNode();
  if (usage === undefined) return [];
  return store.list("core/nodes/").map(({ value }) => {
    const node = value as unknown as Node;
    return [node, nodeMetrics(node, usage)] as const;
  });
}

function measuredPods(
  { store }: ServerContext,
  metrics: ResourceMetrics,
  namespace: string | undefined,
): (readonly [Pod, object])[] {
  return store.list(namespace === undefined ? "core/pods/" : `core/pods/${namespace}/`).flatMap(({ value }) => {
    const pod = value as unknown as Pod;
    const usage = metrics.ofPod(pod);
    return usage === undefined ? [] : [[pod, podMetrics(pod, usage)] as const];
  });
}

const fields = { "metadata.name": ({ metadata }: { metadata: { name?: string } }) => metadata.name ?? "" };

/** @throws ApiError 404, 405, or 501 in a home without a kubelet. */
export function readMetrics(context: ServerContext, { method, query = {} }: ApiRequest, route: Route): object {
  if (context.metrics === undefined)
    throw notServed("kubectl top (metrics.k8s.io)", "start the home with its kubelet (`serval up`)");
  const isPods = route.plural === "pods";
  if (route.version !== "v1beta1" || (!isPods && route.plural !== "nodes") || route.subresource !== undefined)
    throw unknownResource();
  if (method !== "GET" || isSwitchedOn(query["watch"])) throw methodNotAllowed();
  const kind = isPods ? "PodMetrics" : "NodeMetrics";
  const found = isPods
    ? measuredPods(context, context.metrics, route.namespace)
    : measuredNodes(context, context.metrics);
  if (route.name === undefined) {
    const matches = parseSelectors(query, fields);
    const items = found.filter(([object]) => matches?.(object as never) ?? true).map(([, shown]) => shown);
    return { kind: `${kind}List`, apiVersion, metadata: {}, items };
  }
  const one = found.find(([{ metadata }]) => metadata.name === route.name)?.[1];
  if (one !== undefined) return one;
  const type = { ...(isPods ? resources.pods : resources.nodes), group: metricsGroup, plural: kind.toLowerCase() };
  throw notFound(type, isPods ? `${route.namespace}/${route.name}` : route.name);
}
