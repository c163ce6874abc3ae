// SPDX-License-Identifier: Apache-2.0
// What the rules look at: what is watched anyway, and details that are read only when something asks for them. Pure.
import {
  type AnyObject,
  type Deployment,
  type Event,
  type Gateway,
  type GatewayClass,
  type HorizontalPodAutoscaler,
  type HTTPRoute,
  type InferenceService,
  labels,
  type Node,
  type PersistentVolumeClaim,
  type Pod,
} from "@serval/api";

/** Read on demand. Absent: not asked for, or not allowed; a rule then says less. */
export interface Details {
  readonly nodes?: readonly Node[];
  /** By name, of the service's namespace; undefined inside: there is none. */
  readonly claims?: ReadonlyMap<string, PersistentVolumeClaim | undefined>;
  /** Of the pods that need them, by pod name. */
  readonly events?: ReadonlyMap<string, readonly Event[]>;
  /** The end of a failed container's log, by `logName`. */
  readonly logs?: ReadonlyMap<string, string>;
  /** By `namespace/name`. */
  readonly gateways?: ReadonlyMap<string, Gateway | undefined>;
  /** By name. */
  readonly gatewayClasses?: ReadonlyMap<string, GatewayClass | undefined>;
}

export interface Evidence {
  readonly isvc: InferenceService;
  /** Of all components, newest first. */
  readonly pods: readonly Pod[];
  readonly deployments: readonly Deployment[];
  readonly routes: readonly HTTPRoute[];
  readonly autoscalers: readonly HorizontalPodAutoscaler[];
  readonly scaledObjects: readonly AnyObject[];
  readonly details: Details;
  readonly now: Date;
}

const byAge = (a: Pod, b: Pod): number => {
  const [x, y] = [a.metadata?.creationTimestamp ?? "", b.metadata?.creationTimestamp ?? ""];
  if (x !== y) return x < y ? 1 : -1;
  return (a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1;
};

/**
 * Pods whose trouble counts, newest first: of every workload those of its newest template. What an edit replaces fails
 * for reasons that are over, and so does what is on its way out.
 */
export function currentPods(pods: readonly Pod[]): Pod[] {
  const newest = new Map<string, string | undefined>();
  const living = pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined).toSorted(byAge);
  return living.filter(({ metadata }) => {
    const workload = metadata?.labels?.[labels.app] ?? metadata?.name ?? "";
    const template = metadata?.labels?.["pod-template-hash"];
    if (!newest.has(workload)) newest.set(workload, template);
    return newest.get(workload) === template;
  });
}

export const logName = (pod: string, container: string): string => `${pod}/${container}`;

/** Newest first: the latest event about a pod is the one that counts. */
export const eventsOf = ({ details }: Evidence, pod: string): readonly Event[] => details.events?.get(pod) ?? [];

const timeOf = (event: Event): string =>
  event.lastTimestamp ?? event.eventTime ?? event.series?.lastObservedTime ?? event.metadata.creationTimestamp ?? "";

export const newestEvents = (events: readonly Event[]): Event[] =>
  events.toSorted((a, b) => (timeOf(a) > timeOf(b) ? -1 : timeOf(a) < timeOf(b) ? 1 : 0));
