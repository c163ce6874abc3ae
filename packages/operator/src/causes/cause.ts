// SPDX-License-Identifier: Apache-2.0
// What a rule finds, and what all rules share. A rule is a pure function over the evidence; it yields nothing, or causes
// that name the exact object. A new one is a function in the file of its area and a line in index.ts.
import {
  type Container,
  type ContainerStatus,
  catalogue,
  codeOf,
  type Deployment,
  labels,
  type Pod,
  type Reason,
  type ServalStatus,
} from "@serval/api";
import type { Evidence } from "./evidence.ts";

export interface Cause {
  readonly reason: Reason;
  /** What is wrong, with the object that it is about. Steady: the same trouble reads the same at every look. */
  readonly message: string;
  readonly fix: string;
  /** The workload or object it belongs to: several pods with the same trouble are one cause. */
  readonly of: string;
}

export type Rule = (evidence: Evidence) => Iterable<Cause>;

export interface CauseParts {
  readonly message: string;
  readonly of: string;
  /** Default: the catalogue's. */
  readonly fix?: string | undefined;
}

export const causeOf = (reason: Reason, { message, of, fix }: CauseParts): Cause => ({
  reason,
  message,
  of,
  fix: fix ?? catalogue[reason].fix,
});

/** As `status.serval` has it. */
export const servalStatusOf = ({ reason, message, fix }: Cause): ServalStatus => ({
  reason,
  code: codeOf(reason),
  message,
  fix,
});

const maxWords = 600;

/** Last words, shortened: a status is not a log. */
export function words(text: string | undefined): string {
  const trimmed = (text ?? "").trim();
  return trimmed.length > maxWords ? `…${trimmed.slice(-maxWords)}` : trimmed;
}

export const podName = ({ metadata }: Pod): string => metadata?.name ?? "";

/** The label that a workload's pods and its Deployment share; a pod by itself is its own workload. */
export const workloadOf = (pod: Pod): string => pod.metadata?.labels?.[labels.app] ?? podName(pod);

const isOf = (pod: Pod) => (deployment: Deployment) => {
  const selector = deployment.spec?.selector.matchLabels ?? {};
  const own = pod.metadata?.labels ?? {};
  return Object.entries(selector).length > 0 && Object.entries(selector).every(([key, value]) => own[key] === value);
};

/** The Deployment that made a pod. */
export const deploymentOf = ({ deployments }: Evidence, pod: Pod): Deployment | undefined =>
  deployments.find(isOf(pod));

/** Containers as the template asks for them; the operator's cache keeps no pod specs. */
export function containersOf(evidence: Evidence, pod: Pod): Container[] {
  const spec = deploymentOf(evidence, pod)?.spec?.template.spec ?? pod.spec;
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
}

/** Init containers first: they run first. */
export const containerStatuses = ({ status }: Pod): ContainerStatus[] => [
  ...(status?.initContainerStatuses ?? []),
  ...(status?.containerStatuses ?? []),
];

export const conditionOf = <T extends { readonly type: string }>(
  conditions: readonly T[] | undefined,
  type: string,
): T | undefined => conditions?.find((condition) => condition.type === type);

/** A text that says more exactly what a failure is. */
export interface Pattern {
  readonly pattern: RegExp;
  readonly reason: Reason;
  readonly fix?: string;
}

export const patternFor = (patterns: readonly Pattern[], text: string): Pattern | undefined =>
  patterns.find(({ pattern }) => pattern.test(text));
