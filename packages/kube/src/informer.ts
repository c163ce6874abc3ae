// SPDX-License-Identifier: Apache-2.0
// A watched, always-current copy of one collection. Survives dropped connections, server restarts and compaction:
// it never stops until its signal does (client-node's informer does, which is why this one exists).
import { type Key, type KubeObject, keyOf, keyText, type ResourceType } from "@serval/api";
import { type Cluster, type ListOptions, listPageSize, type ObjectList } from "./cluster.ts";
import { ApiError, isExpired } from "./errors.ts";

export interface Change<T> {
  type: "added" | "modified" | "deleted";
  object: T;
  /** The previous object, for `modified`. */
  old?: T | undefined;
}

export interface Informer<T extends KubeObject> {
  readonly type: ResourceType<T>;
  /** At most one watch delay old. The object is shared: never mutate it. */
  get(key: Key): T | undefined;
  list(namespace?: string): T[];
  /** Objects whose index function (`options.indexes[name]`) returned `value`. */
  byIndex(name: string, value: string): T[];
  /** Called for every change, from the first list on, in order. A listener must not throw. */
  onChange(listener: (change: Change<T>) => void): void;
  /** Settles after the first complete list. */
  readonly synced: Promise<void>;
  readonly isSynced: boolean;
  /** Puts the result of our own write in at once, unless the cache is already newer: no reconcile sees its own past. */
  observe(object: T): void;
}

export interface InformerOptions<T extends KubeObject>
  extends Pick<ListOptions, "namespace" | "labelSelector" | "fieldSelector"> {
  signal: AbortSignal;
  /** Runs before an object is stored; drop what nobody reads to save memory. */
  transform?: (object: T) => T;
  indexes?: Readonly<Record<string, (object: T) => string[]>>;
  /** A dropped connection or refused list; the informer goes on by itself. */
  onError?: (error: unknown) => void;
  /** Longest pause between two tries to reach the server. Default 20 s; shorter where the server is near and alone. */
  maxDelayMs?: number;
  random?: () => number;
}

const firstDelayMs = 100;
const defaultMaxDelayMs = 20_000;

const revision = (object: KubeObject): bigint => {
  const text = object.metadata.resourceVersion;
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : -1n;
};

/** Resolves after `ms` or at once when the signal aborts. */
export function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

/** The stored objects with their indexes. Pure bookkeeping, no I/O. */
class IndexedStore<T extends KubeObject> {
  readonly objects = new Map<string, T>();
  readonly #indexes: Readonly<Record<string, (object: T) => string[]>>;
  readonly #byValue = new Map<string, Map<string, T>>();

  constructor(indexes: Readonly<Record<string, (object: T) => string[]>>) {
    this.#indexes = { namespace: (object) => [object.metadata.namespace ?? ""], ...indexes };
  }

  put(key: string, object: T): void {
    this.remove(key);
    this.objects.set(key, object);
    for (const slot of this.#slots(object)) {
      const bucket = this.#byValue.get(slot);
      if (bucket === undefined) this.#byValue.set(slot, new Map([[key, object]]));
      else bucket.set(key, object);
    }
  }

  remove(key: string): void {
    const old = this.objects.get(key);
    if (old === undefined) return;
    this.objects.delete(key);
    for (const slot of this.#slots(old)) {
      const bucket = this.#byValue.get(slot);
      bucket?.delete(key);
      if (bucket?.size === 0) this.#byValue.delete(slot);
    }
  }

  find(index: string, value: string): T[] {
    return [...(this.#byValue.get(`${index}\0${value}`)?.values() ?? [])];
  }

  #slots(object: T): string[] {
    return Object.entries(this.#indexes).flatMap(([name, values]) =>
      values(object).map((value) => `${name}\0${value}`),
    );
  }
}

/** Starts at once; ends with `options.signal`. */
export function createInformer<T extends KubeObject>(
  cluster: Cluster,
  type: ResourceType<T>,
  options: InformerOptions<T>,
): Informer<T> {
  const store = new IndexedStore<T>(options.indexes ?? {});
  const listeners: ((change: Change<T>) => void)[] = [];
  const synced = Promise.withResolvers<void>();
  const { signal, transform = (object: T) => object, random = Math.random, maxDelayMs = defaultMaxDelayMs } = options;
  const selection = {
    namespace: options.namespace,
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
  };
  let isSynced = false;

  const emit = (change: Change<T>): void => {
    for (const listener of listeners) listener(change);
  };
  const put = (incoming: T): void => {
    const key = keyText(keyOf(incoming));
    const old = store.objects.get(key);
    if (old !== undefined && old.metadata.uid === incoming.metadata.uid && revision(incoming) <= revision(old)) return;
    const object = transform(incoming);
    store.put(key, object);
    emit(old === undefined ? { type: "added", object } : { type: "modified", object, old });
  };
  const remove = (object: KubeObject): void => {
    const key = keyText(keyOf(object));
    const old = store.objects.get(key);
    if (old === undefined || old.metadata.uid !== object.metadata.uid) return;
    store.remove(key);
    emit({ type: "deleted", object: old });
  };
  /** Page by page: a large collection is never in memory twice. @returns the version of the list. */
  const relist = async (): Promise<string> => {
    const present = new Set<string>();
    let page: ObjectList<T> | undefined;
    do {
      const from = page?.continue;
      page = await cluster.list(type, { ...selection, limit: listPageSize, ...(from && { continue: from }) });
      for (const item of page.items) {
        present.add(keyText(keyOf(item)));
        put(item);
      }
    } while (page.continue !== undefined);
    for (const [key, object] of store.objects) if (!present.has(key)) remove(object);
    isSynced = true;
    synced.resolve();
    return page.resourceVersion;
  };
  /** The version to watch from; undefined: list first. Kept across broken streams, so that they resume. */
  let version: string | undefined;
  const follow = async (): Promise<void> => {
    for await (const event of cluster.watch(type, { ...selection, resourceVersion: version ?? "0", signal })) {
      if (event.type === "DELETED") remove(event.object);
      else if (event.type !== "BOOKMARK") put(event.object);
      version = event.object.metadata.resourceVersion ?? version;
    }
  };
  const run = async (): Promise<void> => {
    let failures = 0;
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        version ??= await relist();
        await follow();
        failures = 0;
        // A server that ends every watch at once must not be asked in a tight loop.
        if (performance.now() - startedAt < firstDelayMs) await delay(firstDelayMs, signal);
      } catch (error) {
        if (signal.aborted) break;
        const expired = isExpired(error);
        // A refused watch (not a broken stream) may mean that the version is not known any more: list again.
        if (expired || error instanceof ApiError) version = undefined;
        if (!expired) options.onError?.(error);
        failures = performance.now() - startedAt > defaultMaxDelayMs ? 0 : failures + 1;
        const ceiling = Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(failures, 10));
        await delay(expired && failures <= 1 ? 0 : ceiling * (0.5 + random() / 2), signal);
      }
    }
    if (!isSynced) synced.reject(signal.reason);
  };
  synced.promise.catch(() => {});
  void run();

  return {
    type,
    get: (key) => store.objects.get(keyText(key)),
    list: (namespace) => (namespace === undefined ? [...store.objects.values()] : store.find("namespace", namespace)),
    byIndex: (name, value) => store.find(name, value),
    onChange: (listener) => {
      listeners.push(listener);
      for (const object of store.objects.values()) listener({ type: "added", object });
    },
    synced: synced.promise,
    get isSynced() {
      return isSynced;
    },
    observe: put,
  };
}
