// SPDX-License-Identifier: Apache-2.0
// Runs one controller: changes of watched kinds become keys, workers reconcile keys, failures come back later.
import type { Key, KubeObject } from "@serval/api";
import { keyOf, keyText } from "@serval/api";
import { isConflict } from "./errors.ts";
import type { Change, Informer } from "./informer.ts";
import { type Lane, WorkQueue } from "./queue.ts";

/** `requeueAfterMs`: look again then, even without a change. */
export type ReconcileResult = { requeueAfterMs?: number } | undefined;

export interface Watch<T extends KubeObject = KubeObject> {
  readonly informer: Informer<T>;
  /** Which keys a change concerns. Default: the object's own key. */
  readonly keys?: (change: Change<T>) => Key[];
}

export interface ControllerOptions {
  readonly name: string;
  readonly watches: readonly Watch[];
  /** Throws to be retried with backoff. Must be idempotent and read its own informers, never remember. */
  readonly reconcile: (key: Key, signal: AbortSignal) => Promise<ReconcileResult>;
  readonly signal: AbortSignal;
  /** Default 4: reconciles are mostly waiting for the API server. */
  readonly workers?: number;
  readonly onError?: (key: Key, error: unknown, retryMs: number) => void;
  readonly onReconciled?: (key: Key, result: "success" | "error" | "requeue", durationMs: number) => void;
}

export interface Controller {
  enqueue(key: Key, afterMs?: number): void;
  readonly depth: number;
  /** Settles when every worker has ended after the signal. */
  readonly stopped: Promise<void>;
}

export const parseKey = (text: string): Key => {
  const slash = text.indexOf("/");
  return slash < 0 ? { name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
};

/** Binds a typed watch for the untyped list of `ControllerOptions.watches`. */
export const watchOf = <T extends KubeObject>(informer: Informer<T>, keys?: (change: Change<T>) => Key[]): Watch =>
  ({ informer, ...(keys === undefined ? {} : { keys }) }) as unknown as Watch;

/**
 * An API server in the same process answers without a turn of the event loop. Two controllers that undo each other's work
 * because one's watch is behind would keep timers, and with them that watch, from ever running.
 */
const turnMs = 10;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A spec that nobody looked at yet; a change of the status is mostly our own. */
const laneOf = ({ object }: Change<KubeObject>): Lane => {
  const seen = (object as { status?: { observedGeneration?: number } }).status?.observedGeneration;
  return seen === object.metadata.generation ? "next" : "first";
};

/** Waits for every informer, then works until the signal; reconciles in flight may finish. */
export function runController(options: ControllerOptions): Controller {
  const queue = new WorkQueue();
  const { signal, workers = 4 } = options;
  for (const { informer, keys } of options.watches) {
    informer.onChange((change) => {
      if (keys === undefined) queue.add(keyText(keyOf(change.object)), laneOf(change));
      else for (const key of keys(change)) queue.add(keyText(key));
    });
  }
  const close = (): void => queue.close();
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();

  const work = async (text: string): Promise<void> => {
    const key = parseKey(text);
    const startedAt = performance.now();
    try {
      const result = await options.reconcile(key, signal);
      queue.forget(text);
      if (result?.requeueAfterMs !== undefined) queue.addAfter(text, result.requeueAfterMs);
      options.onReconciled?.(
        key,
        result?.requeueAfterMs === undefined ? "success" : "requeue",
        performance.now() - startedAt,
      );
    } catch (error) {
      if (signal.aborted) return;
      const retryMs = queue.retry(text);
      options.onReconciled?.(key, "error", performance.now() - startedAt);
      // A lost race for a resourceVersion is the normal way of optimistic locking, not worth a report.
      if (!isConflict(error)) options.onError?.(key, error, retryMs);
    } finally {
      queue.done(text);
    }
  };
  const worker = async (): Promise<void> => {
    await Promise.all(options.watches.map(({ informer }) => informer.synced));
    let turnAt = performance.now();
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      await work(key);
      if (performance.now() - turnAt < turnMs) continue;
      await nextTurn();
      turnAt = performance.now();
    }
  };
  const stopped = Promise.all(Array.from({ length: workers }, () => worker().catch(() => {}))).then(() => {});
  return {
    enqueue: (key, afterMs = 0) => queue.addAfter(keyText(key), afterMs),
    get depth() {
      return queue.depth;
    },
    stopped,
  };
}
