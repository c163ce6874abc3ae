// SPDX-License-Identifier: Apache-2.0
// One InferenceService as lines: state, traffic, causes with their way out, objects, last words, events. Pure.
import { type Event, type HTTPRoute, type InferenceService, namespaceOf } from "@serval/api";
import type { Evidence } from "@serval/operator/causes/index.ts";
import type { Finding } from "./finding.ts";
import { type Paper, paint } from "./paper.ts";
import { findingLines } from "./print.ts";
import { ownedBy, podsOfService, type Snapshot } from "./snapshot.ts";
import { because, type Condition, workloadLines } from "./workload-lines.ts";

export interface ServiceView {
  readonly isvc: InferenceService;
  readonly snapshot: Snapshot;
  /** With details. */
  readonly evidence: Evidence;
  readonly findings: readonly Finding[];
}

const maxEvents = 12;
const maxLogLines = 12;

function headLines({ isvc }: ServiceView, paper: Paper): string[] {
  const { status } = isvc;
  const conditions = (status?.conditions ?? []) as readonly Condition[];
  const ready = conditions.find(({ type }) => type === "Ready");
  const isReady = ready?.status === "True";
  const state = isReady ? paint(paper, "green", "Ready") : paint(paper, "red", "not ready");
  const runtime = status?.servingRuntimeName ?? status?.clusterServingRuntimeName;
  const progress = status?.serval?.progress?.text;
  return [
    `InferenceService ${namespaceOf(isvc)}/${isvc.metadata.name}: ${state}${isReady ? "" : because(ready ?? {})}`,
    `  URL: ${status?.url ?? "none yet"}`,
    ...(status?.deploymentMode === undefined ? [] : [`  Mode: ${status.deploymentMode}`]),
    ...(runtime === undefined ? [] : [`  Runtime: ${runtime}`]),
    ...(progress === undefined ? [] : [`  Progress: ${progress}`]),
    ...conditions.map((condition) => `  ${condition.type}: ${condition.status}${because(condition)}`),
  ];
}

/** `90% iris-predictor, 10% iris-canary`; what the routes really say, not what the spec asks for. */
function splitOf({ spec }: HTTPRoute): string | undefined {
  const backends = spec.rules?.[0]?.backendRefs ?? [];
  const all = backends.reduce((sum, { weight = 1 }) => sum + weight, 0);
  if (all === 0) return undefined;
  return backends.map(({ name, weight = 1 }) => `${Math.round((weight / all) * 100)}% ${name}`).join(", ");
}

function trafficLines({ evidence, isvc }: ServiceView): string[] {
  const lines = evidence.routes.flatMap((route) => {
    const split = splitOf(route);
    return split === undefined ? [] : [`  ${route.metadata.name}: ${split}`];
  });
  const canaries = (isvc.status?.canaryStatuses ?? []).map(
    ({ name, ready, trafficPercent }) =>
      `  canary ${name}: ${ready ? "ready" : "not ready"}, ${trafficPercent}% wanted`,
  );
  return lines.length + canaries.length === 0 ? [] : ["", "Traffic", ...lines, ...canaries];
}

function findingsLines({ findings, isvc }: ServiceView, paper: Paper): string[] {
  const problems = findings.filter(({ severity }) => severity === "problem");
  const advice = findings.filter(({ severity }) => severity === "advice");
  const isReady = isvc.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
  const none = isReady ? [] : ["", "Cause: none is visible yet; it may just need time"];
  const [first, ...others] = problems;
  return [
    ...(first === undefined ? none : ["", "Cause", ...findingLines(first, paper, "  ")]),
    ...(others.length === 0 ? [] : ["Also", ...others.flatMap((finding) => findingLines(finding, paper, "  "))]),
    ...(advice.length === 0 ? [] : ["", "Advice", ...advice.flatMap((finding) => findingLines(finding, paper, "  "))]),
  ];
}

function objectLines({ snapshot, isvc }: ServiceView): string[] {
  const own = snapshot.deployments.filter(ownedBy(isvc));
  if (own.length === 0) return ["", "No Deployment yet"];
  return own.flatMap((deployment) => ["", ...workloadLines(deployment, snapshot)]);
}

function logLines({ evidence: { details } }: ServiceView): string[] {
  return [...(details.logs ?? [])].flatMap(([name, text]) => {
    const lines = text.split("\n").slice(-maxLogLines);
    return text === "" ? [] : ["", `Last lines of ${name}`, ...lines.map((line) => `  | ${line}`)];
  });
}

const timeOf = (event: Event): string =>
  event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp ?? "";

function eventLines({ snapshot, isvc }: ServiceView): string[] {
  const own = [isvc, ...snapshot.deployments.filter(ownedBy(isvc))];
  const sets = snapshot.replicaSets.filter((set) => own.some((owner) => ownedBy(owner)(set)));
  const related = [...own, ...sets, ...podsOfService(snapshot, isvc), ...snapshot.routes.filter(ownedBy(isvc))];
  const names = new Set(related.map(({ metadata }) => metadata?.name ?? ""));
  const namespace = namespaceOf(isvc);
  const lines = snapshot.events
    .filter(({ involvedObject }) => involvedObject.namespace === namespace && names.has(involvedObject.name ?? ""))
    .toSorted((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1))
    .slice(-maxEvents)
    .map(({ type, reason, message, involvedObject, count = 1, ...rest }) => {
      const times = count > 1 ? ` (x${count})` : "";
      return `  ${timeOf(rest as Event)}  ${type}  ${reason}  ${involvedObject.kind}/${involvedObject.name}: ${message}${times}`;
    });
  return lines.length === 0 ? ["", "Events: none"] : ["", "Events", ...lines];
}

export const serviceLines = (view: ServiceView, paper: Paper): string[] => [
  ...headLines(view, paper),
  ...trafficLines(view),
  ...findingsLines(view, paper),
  ...objectLines(view),
  ...logLines(view),
  ...eventLines(view),
];
