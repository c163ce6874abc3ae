// SPDX-License-Identifier: Apache-2.0
// What every home's `Cluster` must do. Runs on the embedded server in process and over HTTPS, and on a real
// kube-apiserver with etcd. Differences are skip entries with a reason at the call site.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it, type TestContext } from "node:test";
import { type ConfigMap, type Deployment, resources } from "@serval/api";
import type { Cluster, WatchEvent } from "./cluster.ts";
import { ApiError, isAlreadyExists, isConflict, isExpired } from "./errors.ts";
import { createInformer } from "./informer.ts";

const namespace = "default";
const deadlineMs = 10_000;

const configMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace, name },
  data,
});

const deployment = (name: string, replicas: number | undefined): Deployment => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { namespace, name },
  spec: {
    ...(replicas === undefined ? {} : { replicas }),
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } } as never,
      spec: { containers: [{ name: "main", image: "example/image:1" }] },
    },
  },
});

/** The first event that fits; fails loudly at the deadline. */
async function firstEvent<T>(
  events: AsyncIterable<WatchEvent<T>>,
  fits: (event: WatchEvent<T>) => boolean,
): Promise<WatchEvent<T>> {
  const seen: string[] = [];
  for await (const event of events) {
    if (fits(event)) return event;
    seen.push(event.type);
  }
  throw new Error(`The watch ended without the event; it had ${seen.join(", ")}`);
}

export interface ClusterSuiteOptions {
  /** Undefined in `start`: the whole home is skipped with this reason. */
  readonly skip?: string;
  readonly skipTests?: readonly { readonly test: string; readonly reason: string }[];
}

export function clusterSuite(
  home: string,
  start: () => Promise<{ cluster: Cluster; close: () => Promise<void> }>,
  options: ClusterSuiteOptions = {},
): void {
  describe(`Cluster on ${home}`, { skip: options.skip ?? false }, () => {
    let running: { cluster: Cluster; close: () => Promise<void> } | undefined;
    let cluster: Cluster;
    const unique = (prefix: string): string => `${prefix}-${randomUUID().slice(0, 8)}`;
    before(async () => {
      running = await start();
      cluster = running.cluster;
    });
    after(() => running?.close());
    const test = (name: string, body: (context: TestContext) => Promise<void>): void => {
      const reason = options.skipTests?.find((skip) => skip.test === name)?.reason;
      it(name, { skip: reason ?? false, timeout: 60_000 }, body);
    };

    test("create() then get() gives the object with uid, version and creation time", async () => {
      const created = await cluster.create(resources.configMaps, configMap(unique("a"), { k: "v" }));
      const read = await cluster.get(resources.configMaps, created.metadata);
      assert.equal(read?.data?.["k"], "v");
      assert.match(read?.metadata.uid ?? "", /^[0-9a-f-]{36}$/);
      assert.match(read?.metadata.creationTimestamp ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    });
    test("get() of what does not exist is undefined", async () => {
      assert.equal(await cluster.get(resources.configMaps, { namespace, name: "never" }), undefined);
    });
    test("create() twice is AlreadyExists", async () => {
      const object = configMap(unique("twice"));
      await cluster.create(resources.configMaps, object);
      await assert.rejects(cluster.create(resources.configMaps, object), isAlreadyExists);
    });
    test("update() with an old resourceVersion is a conflict", async () => {
      const first = await cluster.create(resources.configMaps, configMap(unique("old"), { n: "1" }));
      await cluster.update(resources.configMaps, { ...first, data: { n: "2" } });
      await assert.rejects(cluster.update(resources.configMaps, { ...first, data: { n: "3" } }), isConflict);
    });
    test("patch() merges, and null removes a key", async () => {
      const { metadata } = await cluster.create(resources.configMaps, configMap(unique("merge"), { a: "1", b: "2" }));
      const patched = await cluster.patch(resources.configMaps, metadata, {
        type: "merge",
        body: { data: { a: null, c: "3" } },
      });
      assert.deepEqual(patched.data, { b: "2", c: "3" });
    });
    test("patch() as JSON patch that does not fit is refused and changes nothing", async () => {
      const { metadata } = await cluster.create(resources.configMaps, configMap(unique("json"), { a: "1" }));
      const body = [{ op: "test", path: "/data/a", value: "other" }];
      await assert.rejects(
        cluster.patch(resources.configMaps, metadata, { type: "json", body }),
        (error) => error instanceof ApiError && error.code === 422,
      );
      assert.deepEqual((await cluster.get(resources.configMaps, metadata))?.data, { a: "1" });
    });
    test("a strategic patch merges containers by name", async () => {
      const name = unique("strategic");
      const { metadata } = await cluster.create(resources.deployments, deployment(name, 1));
      const body = { spec: { template: { spec: { containers: [{ name: "side", image: "example/side:1" }] } } } };
      const patched = await cluster.patch(resources.deployments, metadata, { type: "strategic", body });
      assert.deepEqual(patched.spec?.template?.spec?.containers.map((c) => c.name).sort(), ["main", "side"]);
    });
    test("apply() twice with the same object keeps the resourceVersion", async () => {
      const desired = configMap(unique("apply"), { a: "1" });
      const first = await cluster.apply(resources.configMaps, desired, { fieldManager: "suite" });
      const second = await cluster.apply(resources.configMaps, desired, { fieldManager: "suite" });
      assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
    });
    test("apply() removes what its manager stops sending", async () => {
      const name = unique("shrink");
      await cluster.apply(resources.configMaps, configMap(name, { a: "1", b: "2" }), { fieldManager: "suite" });
      const second = await cluster.apply(resources.configMaps, configMap(name, { a: "1" }), { fieldManager: "suite" });
      assert.deepEqual(second.data, { a: "1" });
    });
    test("apply() of another manager's field is a conflict that names it, and force takes it over", async () => {
      const name = unique("owners");
      await cluster.apply(resources.deployments, deployment(name, 2), { fieldManager: "first" });
      await assert.rejects(
        cluster.apply(resources.deployments, deployment(name, 3), { fieldManager: "second" }),
        (error) => isConflict(error) && error.message.includes('"first"') && error.message.includes(".spec.replicas"),
      );
      const forced = await cluster.apply(resources.deployments, deployment(name, 3), {
        fieldManager: "second",
        force: true,
      });
      assert.equal(forced.spec?.replicas, 3);
    });
    test("the status subresource changes status alone, and generation counts spec changes alone", async () => {
      const created = await cluster.create(resources.deployments, deployment(unique("status"), 1));
      const withStatus = await cluster.update(
        resources.deployments,
        {
          ...created,
          spec: { ...(created.spec as NonNullable<Deployment["spec"]>), replicas: 7 },
          status: { replicas: 5, observedGeneration: 1 },
        },
        { subresource: "status" },
      );
      assert.equal(withStatus.spec?.replicas, 1);
      assert.equal(withStatus.status?.replicas, 5);
      assert.equal(withStatus.metadata.generation, 1);
      const scaled = await cluster.patch(resources.deployments, created.metadata, {
        type: "merge",
        body: { spec: { replicas: 2 } },
      });
      assert.equal(scaled.metadata.generation, 2);
      assert.equal(scaled.status?.replicas, 5);
    });
    test("list() selects by label and field, and pages", async () => {
      const set = unique("set");
      for (const n of [1, 2, 3]) {
        const object = configMap(`${set}-${n}`);
        await cluster.create(resources.configMaps, {
          ...object,
          metadata: { ...object.metadata, labels: { set, odd: String(n % 2) } },
        });
      }
      const odd = await cluster.list(resources.configMaps, { namespace, labelSelector: `set=${set},odd in (1)` });
      assert.deepEqual(odd.items.map((o) => o.metadata.name).sort(), [`${set}-1`, `${set}-3`]);
      const named = await cluster.list(resources.configMaps, { namespace, fieldSelector: `metadata.name=${set}-2` });
      assert.deepEqual(
        named.items.map((o) => o.metadata.name),
        [`${set}-2`],
      );
      const page = await cluster.list(resources.configMaps, { namespace, labelSelector: `set=${set}`, limit: 2 });
      assert.equal(page.items.length, 2);
      const rest = await cluster.list(resources.configMaps, {
        namespace,
        labelSelector: `set=${set}`,
        limit: 2,
        continue: page.continue as string,
      });
      assert.equal(rest.items.length, 1);
      assert.equal(odd.items[0]?.kind, "ConfigMap");
    });
    test("watch() from a list misses nothing that came after it", async () => {
      const name = unique("watched");
      const { resourceVersion } = await cluster.list(resources.configMaps, { namespace });
      const created = await cluster.create(resources.configMaps, configMap(name, { a: "1" }));
      await cluster.patch(resources.configMaps, created.metadata, { type: "merge", body: { data: { a: "2" } } });
      await cluster.delete(resources.configMaps, created.metadata);
      const seen: string[] = [];
      const signal = AbortSignal.timeout(deadlineMs);
      for await (const event of cluster.watch(resources.configMaps, {
        namespace,
        resourceVersion,
        fieldSelector: `metadata.name=${name}`,
        signal,
      })) {
        if (event.type === "BOOKMARK") continue;
        seen.push(`${event.type} ${event.object.data?.["a"]}`);
        if (event.type === "DELETED") break;
      }
      assert.deepEqual(seen, ["ADDED 1", "MODIFIED 2", "DELETED 2"]);
    });
    test("watch() turns a change of labels into ADDED and DELETED of a selection", async () => {
      const name = unique("moving");
      const created = await cluster.create(resources.configMaps, configMap(name));
      const { resourceVersion } = await cluster.list(resources.configMaps, { namespace });
      const signal = AbortSignal.timeout(deadlineMs);
      const events = cluster.watch(resources.configMaps, {
        namespace,
        resourceVersion,
        labelSelector: `in=${name}`,
        signal,
      });
      const added = firstEvent(events, (event) => event.type === "ADDED");
      await cluster.patch(resources.configMaps, created.metadata, {
        type: "merge",
        body: { metadata: { labels: { in: name } } },
      });
      assert.equal((await added).type, "ADDED");
      const latest = await cluster.list(resources.configMaps, { namespace });
      const gone = firstEvent(
        cluster.watch(resources.configMaps, {
          namespace,
          resourceVersion: latest.resourceVersion,
          labelSelector: `in=${name}`,
          signal,
        }),
        (event) => event.type === "DELETED",
      );
      await cluster.patch(resources.configMaps, created.metadata, {
        type: "merge",
        body: { metadata: { labels: { in: null } } },
      });
      assert.equal((await gone).type, "DELETED");
    });
    test("watch() from a version that never was or is long gone is refused as expired", async () => {
      const watching = async (): Promise<void> => {
        for await (const _ of cluster.watch(resources.configMaps, {
          namespace,
          resourceVersion: "1",
          timeoutSeconds: 1,
        }))
          return;
      };
      // etcd keeps five minutes of history: a young server may still answer from version 1.
      await watching().catch((error: unknown) => assert.ok(isExpired(error)));
    });
    test("delete() with finalizers waits for the last of them, and preconditions protect a successor", async () => {
      const object = configMap(unique("final"));
      const created = await cluster.create(resources.configMaps, {
        ...object,
        metadata: { ...object.metadata, finalizers: ["serval.dev/suite"] },
      });
      await cluster.delete(resources.configMaps, created.metadata);
      const deleting = await cluster.get(resources.configMaps, created.metadata);
      assert.notEqual(deleting?.metadata.deletionTimestamp, undefined);
      await assert.rejects(cluster.delete(resources.configMaps, created.metadata, { uid: randomUUID() }), isConflict);
      await cluster.patch(resources.configMaps, created.metadata, {
        type: "merge",
        body: { metadata: { finalizers: null } },
      });
      assert.equal(await cluster.get(resources.configMaps, created.metadata), undefined);
    });
    test("delete() of what is gone is no error", async () => {
      await cluster.delete(resources.configMaps, { namespace, name: unique("gone") });
    });
    test("dry run answers as if and stores nothing", async () => {
      const object = configMap(unique("dry"));
      const answer = await cluster.create(resources.configMaps, object, { dryRun: true });
      assert.equal(answer.metadata.name, object.metadata.name);
      assert.equal(await cluster.get(resources.configMaps, object.metadata), undefined);
    });
    test("an invalid object is refused with the path of its fault", async () => {
      const wrong = deployment(unique("wrong"), -1);
      await assert.rejects(
        cluster.create(resources.deployments, wrong),
        (error) => error instanceof ApiError && error.code === 422 && error.message.includes("spec.replicas"),
      );
    });
    test("an informer follows creates, changes and deletes", async () => {
      const name = unique("informed");
      const abort = new AbortController();
      const informer = createInformer(cluster, resources.configMaps, { namespace, signal: abort.signal });
      await informer.synced;
      const changes: string[] = [];
      const done = Promise.withResolvers<void>();
      informer.onChange(({ type, object }) => {
        if (object.metadata.name !== name) return;
        changes.push(type);
        if (type === "deleted") done.resolve();
      });
      const created = await cluster.create(resources.configMaps, configMap(name));
      await cluster.patch(resources.configMaps, created.metadata, { type: "merge", body: { data: { a: "1" } } });
      await cluster.delete(resources.configMaps, created.metadata);
      const timer = setTimeout(() => done.reject(new Error(`only ${changes.join(", ")}`)), deadlineMs);
      await done.promise;
      clearTimeout(timer);
      abort.abort();
      assert.deepEqual(changes, ["added", "modified", "deleted"]);
    });
  });
}
