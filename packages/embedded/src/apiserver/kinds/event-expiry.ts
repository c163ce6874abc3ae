// SPDX-License-Identifier: Apache-2.0
// Events live for an hour, as in Kubernetes (--event-ttl): else a home that runs for months keeps them all.
import type { AnyObject } from "@serval/api";
import { withRevision } from "../../store/engine.ts";
import type { Entry, Store } from "../../store/index.ts";

const lifetimeMs = 3600 * 1000;
const sweepIntervalMs = 60 * 1000;

/** When it last happened. A repeated event is written again each time, so its times move on. */
function lastSeenMs({ value }: Entry): number {
  const { lastTimestamp, eventTime, series } = value as AnyObject & { series?: { lastObservedTime?: string } };
  const texts = [series?.lastObservedTime, lastTimestamp, eventTime, value.metadata.creationTimestamp];
  return Math.max(...texts.map((text) => (typeof text === "string" ? Date.parse(text) || 0 : 0)));
}

/** Call when an event is written; sweeps at most once a minute. */
export function createEventExpiry(store: Store, now: () => Date): () => Promise<void> {
  let sweptMs = Number.NEGATIVE_INFINITY;
  return async () => {
    const timeMs = now().getTime();
    if (timeMs - sweptMs < sweepIntervalMs) return;
    sweptMs = timeMs;
    const old = store.list("core/events/").filter((entry) => timeMs - lastSeenMs(entry) > lifetimeMs);
    await Promise.all(
      old.map(({ key, revision, value }) => store.delete(key, revision, (at) => withRevision(value, at))),
    );
  };
}
