// SPDX-License-Identifier: Apache-2.0
// The narrow door between Kubernetes semantics and the disk: what etcd is to kube-apiserver. Objects are held in
// memory; an implementation only decides how a write becomes durable before it is acknowledged and seen.
import type { AnyObject } from "@serval/api";

/** One object as stored. `value` is deeply frozen and already carries `revision` as its `metadata.resourceVersion`. */
export interface Entry {
  readonly key: string;
  readonly revision: number;
  readonly value: AnyObject;
}

/** What happened at one revision. `current` is the last form of the object, also when it was deleted. */
export interface StoreEvent {
  readonly revision: number;
  readonly key: string;
  readonly deleted: boolean;
  readonly current: Entry;
  readonly previous: Entry | undefined;
}

/** The object to store at the revision that the store has chosen for it. Runs synchronously, once. */
export type ValueAt = (revision: number) => AnyObject;

/**
 * Revisions are whole numbers that only rise, over all keys and over restarts. Reads see durable writes only.
 * Keys are ASCII and ordered as text.
 */
export interface Store {
  /** The revision of the newest durable write (1 in an empty store). */
  currentRevision(): number;
  /** `changes` and `list(prefix, at)` answer from this revision on. */
  compactedRevision(): number;
  get(key: string): Entry | undefined;
  /** In key order. @param at the state as of that revision. @throws CompactedError when it is older than the history. */
  list(prefix: string, at?: number): readonly Entry[];
  /**
   * Writes when the entry's revision is `expected` (0: when there is none); undefined: it is another one.
   * Resolves when durable. @throws StoreError when the disk refuses; then nothing was written.
   */
  put(key: string, expected: number, value: ValueAt): Promise<Entry | undefined>;
  /** As `put`; `value` is the last form of the object, for watchers. */
  delete(key: string, expected: number, value: ValueAt): Promise<Entry | undefined>;
  /** Events after revision `since`, oldest first. @throws CompactedError when some of them are forgotten. */
  changes(prefix: string, since: number): readonly StoreEvent[];
  /** Calls after every batch of new events. Returns the unsubscribe function. */
  subscribe(listener: () => void): () => void;
  /** Forgets history up to and including `revision`. */
  compact(revision: number): void;
  close(): Promise<void>;
}

/** The asked revision is older than the kept history. Becomes HTTP 410. */
export class CompactedError extends Error {
  override readonly name: string = "CompactedError";
  readonly asked: number;
  readonly compacted: number;
  constructor(asked: number, compacted: number) {
    super(`too old resource version: ${asked} (${compacted})`);
    this.asked = asked;
    this.compacted = compacted;
  }
}

/** The disk refused a write, or the directory cannot be opened. The message says what to do. */
export class StoreError extends Error {
  override readonly name: string = "StoreError";
}
