// SPDX-License-Identifier: Apache-2.0
// What the rules look at: what is watched anyway, and details that are read only when something asks for them. Pure.
import type {
  AnyObject,
  Deployment,
  Event,
  Gateway,
  GatewayClass,
  HorizontalPodAutoscaler,
  HTTPRoute,
  InferenceService,
  Node,
  PersistentVolumeClaim,
  Pod,
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

export const logName = (pod: string, container: string): string => `${pod}/${container}`;

/** Newest first: the latest event about a pod is the one that counts. */
export const eventsOf = ({ details }: Evidence, pod: string): readonly Event[] => details.events?.get(pod) ?? [];

const timeOf = (event: Event): string =>
  event.lastTimestamp ?? event.eventTime ?? event.series?.lastObservedTime ?? event.metadata.creationTimestamp ?? "";

export const newestEvents = (events: readonly Event[]): Event[] =>
  events.toSorted((a, b) => (timeOf(a) > timeOf(b) ? -1 : timeOf(a) < timeOf(b) ? 1 : 0));
