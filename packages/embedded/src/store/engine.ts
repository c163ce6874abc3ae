// SPDX-License-Identifier: Apache-2.0
// The part that every store shares: an ordered index in memory, revisions, a ring of recent events, and group commit
// (writes that arrive while one commit is under way share the next one).
import type { AnyObject } from "@serval/api";
import { CompactedError, type Entry, type Store, type StoreEvent, type ValueAt } from "./store.ts";

/** Makes a batch durable. Absent in the memory store, where a write is done at once. */
export interface Journal {
  commit(batch: readonly StoreEvent[]): Promise<void>;
  close(): Promise<void>;
}

export interface EngineOptions {
  readonly revision: number;
  readonly entries: Iterable<Entry>;
  readonly journal?: Journal;
  /** Events kept for watches; older ones answer 410. Default 10,000: minutes of a busy home, about 20 MB. */
  readonly historyLength?: number;
}

interface Pending {
  readonly event: StoreEvent;
  readonly resolve: (entry: Entry) => void;
  readonly reject: (error: unknown) => void;
}

/** Objects are shared with readers in process: a mutation must fail loudly there. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const child of Object.values(value)) deepFreeze(child);
  return Object.freeze(value);
}

/** Keys in order, found by bisection. */
class OrderedKeys {
  readonly #keys: string[];
  constructor(keys: string[]) {
    this.#keys = keys.sort();
  }
  #from(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  add(key: string): void {
    const at = this.#from(key);
    if (this.#keys[at] !== key) this.#keys.splice(at, 0, key);
  }
  remove(key: string): void {
    const at = this.#from(key);
    if (this.#keys[at] === key) this.#keys.splice(at, 1);
  }
  *startingWith(prefix: string): Generator<string> {
    for (let at = this.#from(prefix); at < this.#keys.length; at++) {
      const key = this.#keys[at] as string;
      if (!key.startsWith(prefix)) return;
      yield key;
    }
  }
}

/** Recent events by revision. */
class History {
  #events: StoreEvent[] = [];
  readonly #limit: number;
  compacted: number;
  constructor(limit: number, compacted: number) {
    this.#limit = limit;
    this.compacted = compacted;
  }
  add(event: StoreEvent): void {
    this.#events.push(event);
    // Trimmed in big steps, so that a step's cost is spread over as many writes.
    if (this.#events.length > this.#limit * 1.5) this.drop(this.#events.length - this.#limit);
  }
  drop(count: number): void {
    const last = this.#events[count - 1];
    if (last === undefined) return;
    this.compacted = last.revision;
    this.#events = this.#events.slice(count);
  }
  indexAfter(revision: number): number {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle] as StoreEvent).revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  after(revision: number): StoreEvent[] {
    if (revision < this.compacted) throw new CompactedError(revision, this.compacted);
    return this.#events.slice(this.indexAfter(revision));
  }
}

class Engine implements Store {
  readonly #entries: Map<string, Entry>;
  readonly #keys: OrderedKeys;
  readonly #history: History;
  readonly #journal: Journal | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #busy = new Map<string, Promise<unknown>>();
  #queue: Pending[] = [];
  #flushing: Promise<void> | undefined;
  #head: number;
  #visible: number;

  constructor({ revision, entries, journal, historyLength = 10_000 }: EngineOptions) {
    this.#entries = new Map(Array.from(entries, (entry) => [entry.key, entry]));
    this.#keys = new OrderedKeys([...this.#entries.keys()]);
    this.#history = new History(historyLength, revision);
    this.#journal = journal;
    this.#head = revision;
    this.#visible = revision;
  }

  currentRevision = (): number => this.#visible;
  compactedRevision = (): number => this.#history.compacted;
  get = (key: string): Entry | undefined => this.#entries.get(key);

  list(prefix: string, at?: number): readonly Entry[] {
    const entries: Entry[] = [];
    for (const key of this.#keys.startingWith(prefix)) entries.push(this.#entries.get(key) as Entry);
    return at === undefined || at >= this.#visible ? entries : this.#listAt(prefix, at, entries);
  }

  /** Undoes the events after `at`, newest first. */
  #listAt(prefix: string, at: number, entries: readonly Entry[]): readonly Entry[] {
    const past = new Map(entries.map((entry) => [entry.key, entry]));
    for (const event of this.#history.after(at).reverse()) {
      if (!event.key.startsWith(prefix)) continue;
      if (event.previous === undefined) past.delete(event.key);
      else past.set(event.key, event.previous);
    }
    return [...past.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  put = (key: string, expected: number, value: ValueAt): Promise<Entry | undefined> =>
    this.#write({ key, expected, value, deleted: false });

  delete = (key: string, expected: number, value: ValueAt): Promise<Entry | undefined> =>
    this.#write({ key, expected, value, deleted: true });

  async #write(write: { key: string; expected: number; value: ValueAt; deleted: boolean }): Promise<Entry | undefined> {
    const { key, expected, value, deleted } = write;
    // A second writer of the same key waits, so that it compares with what will be durable and not with the past.
    for (let busy = this.#busy.get(key); busy !== undefined; busy = this.#busy.get(key)) await busy;
    const previous = this.#entries.get(key);
    if ((previous?.revision ?? 0) !== expected) return undefined;
    const revision = ++this.#head;
    const current: Entry = { key, revision, value: deepFreeze(value(revision)) };
    const event: StoreEvent = { revision, key, deleted, current, previous };
    if (this.#journal === undefined) {
      this.#publish([event]);
      return current;
    }
    const done = new Promise<Entry>((resolve, reject) => this.#queue.push({ event, resolve, reject }));
    this.#busy.set(
      key,
      done.then(
        () => this.#busy.delete(key),
        () => this.#busy.delete(key),
      ),
    );
    this.#flushing ??= this.#flush(this.#journal);
    return done;
  }

  async #flush(journal: Journal): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      const events = batch.map(({ event }) => event);
      try {
        await journal.commit(events);
      } catch (error) {
        for (const { reject } of batch) reject(error);
        continue;
      }
      this.#publish(events);
      for (const { event, resolve } of batch) resolve(event.current);
    }
    this.#flushing = undefined;
  }

  #publish(events: readonly StoreEvent[]): void {
    for (const event of events) {
      if (event.deleted) {
        this.#entries.delete(event.key);
        this.#keys.remove(event.key);
      } else {
        this.#entries.set(event.key, event.current);
        if (event.previous === undefined) this.#keys.add(event.key);
      }
      this.#history.add(event);
      this.#visible = event.revision;
    }
    for (const listener of this.#listeners) listener();
  }

  changes(prefix: string, since: number): readonly StoreEvent[] {
    const events = this.#history.after(since);
    return events.filter(({ key }) => key.startsWith(prefix));
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  compact(revision: number): void {
    this.#history.drop(this.#history.indexAfter(revision));
  }

  async close(): Promise<void> {
    await this.#flushing;
    await this.#journal?.close();
    this.#listeners.clear();
  }
}

/** A store over what `journal` keeps. */
export const createEngine = (options: EngineOptions): Store => new Engine(options);

/** `value` with its revision as resourceVersion. */
export const withRevision = (value: AnyObject, revision: number): AnyObject => ({
  ...value,
  metadata: { ...value.metadata, resourceVersion: String(revision) },
});
