// SPDX-License-Identifier: Apache-2.0
// Events about objects, as `kubectl describe` shows them. Repeats raise a count instead of adding objects.
import { type Event, type KubeObject, resources } from "@serval/api";
import type { Cluster } from "./cluster.ts";
import { isNotFound } from "./errors.ts";

export interface EventRecorder {
  /** Fire and forget: a lost event is logged, never an error of the caller. */
  record(object: KubeObject, type: "Normal" | "Warning", reason: string, message: string): void;
  /** Settles when everything recorded so far was sent. */
  flush(): Promise<void>;
}

export interface EventRecorderOptions {
  /** `source.component`: who says it. */
  readonly component: string;
  readonly host?: string;
  readonly now?: () => Date;
  /** Suffix of event names, unique per event. */
  readonly nextId?: () => string;
  readonly onError?: (error: unknown) => void;
}

const maxRemembered = 2_000;
/** Kubernetes' own limit on `message`. */
const maxMessageLength = 1_024;

const defaultId = (): (() => string) => {
  let last = 0;
  return () => {
    last = Math.max(last + 1, Date.now() * 1_000);
    return last.toString(16);
  };
};

export function createEventRecorder(cluster: Cluster, options: EventRecorderOptions): EventRecorder {
  const { component, now = () => new Date(), nextId = defaultId(), onError = () => {} } = options;
  const remembered = new Map<string, Event>();
  let tail: Promise<void> = Promise.resolve();

  const build = (object: KubeObject, type: string, reason: string, message: string): Event => {
    const { namespace = "default", name, uid } = object.metadata;
    const at = now()
      .toISOString()
      .replace(/\.\d+Z$/, "Z");
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: { namespace, name: `${name}.${nextId()}` },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name,
        namespace: object.metadata.namespace,
        uid,
        resourceVersion: object.metadata.resourceVersion,
      },
      type,
      reason,
      message: message.length > maxMessageLength ? `${message.slice(0, maxMessageLength - 3)}...` : message,
      source: { component, host: options.host },
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
      reportingComponent: component,
      reportingInstance: options.host ?? "",
    };
  };
  const send = async (event: Event): Promise<void> => {
    const key = JSON.stringify(
      [event.involvedObject, event.type, event.reason, event.message].map((v) => (v as { uid?: string }).uid ?? v),
    );
    const known = remembered.get(key);
    if (known !== undefined) {
      const body = { count: (known.count ?? 1) + 1, lastTimestamp: event.lastTimestamp };
      try {
        remembered.set(key, await cluster.patch(resources.coreEvents, known.metadata, { type: "merge", body }));
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    remembered.delete(key);
    remembered.set(key, await cluster.create(resources.coreEvents, event));
    if (remembered.size > maxRemembered) remembered.delete(remembered.keys().next().value as string);
  };
  return {
    record(object, type, reason, message) {
      const event = build(object, type, reason, message);
      tail = tail.then(() => send(event)).catch(onError);
    },
    flush: () => tail,
  };
}
