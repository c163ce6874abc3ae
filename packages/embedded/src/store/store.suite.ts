// SPDX-License-Identifier: Apache-2.0
// The contract of `Store`, run on every implementation.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AnyObject } from "@serval/api";
import { CompactedError, type Store, type ValueAt } from "./store.ts";

export const configMap =
  (name: string, data: string): ValueAt =>
  (revision): AnyObject => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, resourceVersion: String(revision) },
    data: { value: data },
  });

const keysOf = (store: Store, prefix: string, at?: number): string[] => store.list(prefix, at).map(({ key }) => key);

export function storeSuite(name: string, open: (options?: { historyLength?: number }) => Promise<Store>): void {
  describe(`${name} store`, () => {
    it("gives every write a higher revision, over all keys", async () => {
      const store = await open();
      const first = await store.put("a/1", 0, configMap("1", "x"));
      const second = await store.put("b/1", 0, configMap("1", "y"));
      const third = await store.delete("a/1", first?.revision ?? -1, configMap("1", "x"));
      assert.ok((first?.revision ?? 0) < (second?.revision ?? 0) && (second?.revision ?? 0) < (third?.revision ?? 0));
      assert.equal(store.currentRevision(), third?.revision);
      await store.close();
    });

    it("writes only over the expected revision", async () => {
      const store = await open();
      const first = await store.put("a", 0, configMap("a", "1"));
      assert.equal(await store.put("a", 0, configMap("a", "2")), undefined);
      assert.equal(await store.put("a", 999, configMap("a", "2")), undefined);
      assert.equal(await store.delete("missing", 1, configMap("missing", "")), undefined);
      const second = await store.put("a", first?.revision ?? -1, configMap("a", "2"));
      assert.deepEqual(store.get("a")?.value["data"], { value: "2" });
      assert.equal(store.get("a")?.value.metadata.resourceVersion, String(second?.revision));
      await store.close();
    });

    it("lets exactly one of many concurrent writers of a key win", async () => {
      const store = await open();
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, i) => store.put("a", 0, configMap("a", `${i}`))),
      );
      assert.equal(results.filter((entry) => entry !== undefined).length, 1);
      await store.close();
    });

    it("lists by prefix in key order, also as of an older revision", async () => {
      const store = await open();
      for (const key of ["b/2", "a/1", "b/1", "c/1"]) await store.put(key, 0, configMap(key, "1"));
      const before = store.currentRevision();
      await store.put("b/3", 0, configMap("b/3", "1"));
      await store.delete("b/1", store.get("b/1")?.revision ?? -1, configMap("b/1", "1"));
      assert.deepEqual(keysOf(store, "b/"), ["b/2", "b/3"]);
      assert.deepEqual(keysOf(store, "b/", before), ["b/1", "b/2"]);
      await store.close();
    });

    it("tells what changed since a revision, with the previous form, and wakes subscribers", async () => {
      const store = await open();
      let woken = 0;
      const unsubscribe = store.subscribe(() => void woken++);
      const start = store.currentRevision();
      const first = await store.put("a/1", 0, configMap("1", "x"));
      await store.put("z/1", 0, configMap("1", "x"));
      await store.delete("a/1", first?.revision ?? -1, configMap("1", "last"));
      unsubscribe();
      const events = store.changes("a/", start);
      assert.deepEqual(
        events.map(({ deleted, previous }) => [deleted, previous?.value["data"]]),
        [
          [false, undefined],
          [true, { value: "x" }],
        ],
      );
      assert.equal(woken, 3);
      await store.close();
    });

    it("forgets history beyond its length and by compaction, and says so", async () => {
      const store = await open({ historyLength: 10 });
      const start = store.currentRevision();
      for (let i = 0; i < 30; i++) await store.put(`a/${i}`, 0, configMap(`${i}`, ""));
      assert.throws(() => store.changes("a/", start), CompactedError);
      assert.throws(() => store.list("a/", start), CompactedError);
      const recent = store.currentRevision() - 3;
      assert.equal(store.changes("a/", recent).length, 3);
      store.compact(recent + 1);
      assert.throws(() => store.changes("a/", recent), CompactedError);
      assert.equal(store.changes("a/", recent + 1).length, 2);
      await store.close();
    });

    it("shares frozen objects: a reader cannot change what is stored", async () => {
      const store = await open();
      await store.put("a", 0, configMap("a", "1"));
      const data = store.get("a")?.value["data"] as { value: string };
      assert.throws(() => Object.assign(data, { value: "2" }), TypeError);
      await store.close();
    });
  });
}
