// SPDX-License-Identifier: Apache-2.0
// The store on disk: LMDB holds the JSON text of every object and the newest revision, written in one transaction and
// flushed before a write is acknowledged. A record in the same database says which process owns the directory.
import { mkdir } from "node:fs/promises";
import type { AnyObject } from "@serval/api";
import { type Database, open, type RootDatabase } from "lmdb";
import { createEngine, deepFreeze, type Journal } from "./engine.ts";
import { isAlive, type Owner, thisProcess } from "./owner.ts";
import { type Entry, type Store, StoreError, type StoreEvent } from "./store.ts";

interface Tables {
  readonly root: RootDatabase;
  readonly objects: Database<string, string>;
  readonly meta: Database<string, string>;
}

const revisionKey = "revision";
const ownerKey = "owner";

async function openTables(dir: string): Promise<Tables> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const root = open({ path: dir, maxDbs: 4, encoding: "string" });
    const objects = root.openDB<string, string>({ name: "objects", encoding: "string" });
    const meta = root.openDB<string, string>({ name: "meta", encoding: "string" });
    return { root, objects, meta };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StoreError(
      `Cannot open the object store in "${dir}": ${reason}; check that the directory is writable and on a local disk`,
      { cause },
    );
  }
}

/** LMDB runs write transactions of all processes one after the other, so that look and take are one step. */
function takeOwnership({ root, meta }: Tables, dir: string): void {
  const owner = root.transactionSync((): Owner | undefined => {
    const text = meta.get(ownerKey);
    const current = text === undefined ? undefined : (JSON.parse(text) as Owner);
    if (current !== undefined && isAlive(current)) return current;
    meta.putSync(ownerKey, JSON.stringify(thisProcess()));
    return undefined;
  });
  if (owner === undefined) return;
  throw new StoreError(
    `Cannot open the object store in "${dir}": process ${owner.pid} is using it; stop that one first (\`serval down\`) or choose another directory`,
  );
}

function journalOf({ root, objects, meta }: Tables, dir: string): Journal {
  return {
    async commit(batch: readonly StoreEvent[]): Promise<void> {
      try {
        // Synchronous: a batch is in memory already, and lmdb's asynchronous writes leave a rejected promise that
        // nobody can catch when the disk is full. The flush to disk, which takes the time, stays asynchronous.
        root.transactionSync(() => {
          for (const { key, deleted, current } of batch) {
            if (deleted) objects.removeSync(key);
            else objects.putSync(key, JSON.stringify(current.value));
          }
          meta.putSync(revisionKey, String(batch.at(-1)?.revision));
        });
        await root.flushed;
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message.split(": Attempting")[0] : String(cause);
        throw new StoreError(
          `Cannot write to the object store in "${dir}": ${reason}; nothing was changed; free disk space and try again`,
          {
            cause,
          },
        );
      }
    },
    async close(): Promise<void> {
      await meta.remove(ownerKey);
      await root.flushed;
      await root.close();
    },
  };
}

function* readEntries({ objects }: Tables): Generator<Entry> {
  for (const { key, value: text } of objects.getRange()) {
    const value = JSON.parse(text) as AnyObject;
    yield { key, revision: Number(value.metadata.resourceVersion), value: deepFreeze(value) };
  }
}

/**
 * Opens or creates the store in `dir`.
 *
 * @throws StoreError when the directory cannot be used or another live process owns it.
 */
export async function lmdbStore(dir: string, options: { historyLength?: number } = {}): Promise<Store> {
  const tables = await openTables(dir);
  try {
    takeOwnership(tables, dir);
  } catch (error) {
    await tables.root.close();
    throw error;
  }
  const revision = Number(tables.meta.get(revisionKey) ?? "1");
  return createEngine({ revision, entries: readEntries(tables), journal: journalOf(tables, dir), ...options });
}
