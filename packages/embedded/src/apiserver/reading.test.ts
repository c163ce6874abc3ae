// SPDX-License-Identifier: Apache-2.0
// Lists, watches, events and tables, in process.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AnyObject, Status } from "@serval/api";
import { configMap, configMaps, pod, pods, type TestServer, testServer, widget, widgets } from "./testing/servers.ts";

type List = {
  items: AnyObject[];
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
};
const namesOf = ({ items }: List): string[] => items.map(({ metadata }) => metadata.name as string);
const merge = "application/merge-patch+json";

/** Types and names of the first `count` events. */
async function firstEvents(
  server: TestServer,
  path: string,
  query: Record<string, string>,
  count: number,
): Promise<string[]> {
  const { events, status, body } = await server.send("GET", path, { query: { watch: "true", ...query } });
  assert.equal(status, 200, JSON.stringify(body));
  const seen: string[] = [];
  for await (const event of events as AsyncIterable<{ type: string; object: AnyObject }>) {
    seen.push(`${event.type} ${event.object.metadata?.name ?? ""}`.trim());
    if (seen.length === count) break;
  }
  return seen;
}

describe("list", () => {
  it("pages through one state, though objects come and go", async () => {
    const server = await testServer();
    for (const name of ["a", "b", "c", "d"]) await server.ok("POST", configMaps, { body: configMap(name) });
    const first = await server.ok<List>("GET", configMaps, { query: { limit: "2" } });
    assert.deepEqual([namesOf(first), first.metadata.remainingItemCount], [["a", "b"], 2]);
    await server.ok("DELETE", `${configMaps}/c`);
    await server.ok("POST", configMaps, { body: configMap("cc") });
    const second = await server.ok<List>("GET", configMaps, {
      query: { limit: "2", continue: first.metadata.continue as string },
    });
    assert.deepEqual(namesOf(second), ["c", "d"]);
    assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
  });

  const selected: { name: string; query: Record<string, string>; want: string[] }[] = [
    { name: "equality", query: { labelSelector: "app=a" }, want: ["a"] },
    { name: "inequality", query: { labelSelector: "app!=a" }, want: ["b", "c"] },
    { name: "sets", query: { labelSelector: "app in (a, c),app notin (c)" }, want: ["a"] },
    { name: "absence", query: { labelSelector: "!app" }, want: [] },
    { name: "a field", query: { fieldSelector: "metadata.name=b" }, want: ["b"] },
    { name: "a field of pods", query: { fieldSelector: "spec.nodeName=n1" }, want: ["c"] },
    { name: "several fields", query: { fieldSelector: "status.phase!=Running,metadata.name!=a" }, want: ["b", "c"] },
  ];
  for (const { name, query, want } of selected) {
    it(`selects by ${name}`, async () => {
      const server = await testServer();
      for (const each of ["a", "b"]) await server.ok("POST", pods, { body: pod(each) });
      await server.ok("POST", pods, { body: pod("c", { nodeName: "n1" }) });
      assert.deepEqual(namesOf(await server.ok<List>("GET", pods, { query })), want);
    });
  }

  const refused: { name: string; query: Record<string, string>; code: number; message: RegExp }[] = [
    {
      name: "an unknown field",
      query: { fieldSelector: "spec.color=red" },
      code: 400,
      message: /^field label not supported: spec.color$/,
    },
    { name: "a broken selector", query: { labelSelector: "a=(" }, code: 400, message: /unable to parse requirement/ },
    {
      name: "a version to come",
      query: { resourceVersion: "999999" },
      code: 504,
      message: /Too large resource version: 999999, current: \d+/,
    },
    { name: "a broken token", query: { continue: "nonsense" }, code: 400, message: /continue key is not valid/ },
    {
      name: "a forgotten version",
      query: { resourceVersion: "1", resourceVersionMatch: "Exact" },
      code: 410,
      message: /too old/,
    },
  ];
  for (const { name, query, code, message } of refused) {
    it(`refuses ${name}`, async () => {
      const server = await testServer();
      server.store.compact(server.store.currentRevision());
      const answer = await server.send("GET", pods, { query });
      assert.equal(answer.status, code);
      assert.match((answer.body as Status).message ?? "", message);
    });
  }
});

describe("watch", () => {
  it("resumes from a version and misses nothing", async () => {
    const server = await testServer();
    const { metadata } = await server.ok<List>("GET", configMaps);
    await server.ok("POST", configMaps, { body: configMap("a") });
    await server.ok("PATCH", `${configMaps}/a`, { body: { data: { x: "1" } }, contentType: merge });
    await server.ok("DELETE", `${configMaps}/a`);
    const events = await firstEvents(server, configMaps, { resourceVersion: metadata.resourceVersion }, 3);
    assert.deepEqual(events, ["ADDED a", "MODIFIED a", "DELETED a"]);
  });

  it("turns changes of selection into ADDED and DELETED", async () => {
    const server = await testServer();
    const { metadata } = await server.ok<List>("GET", configMaps);
    await server.ok("POST", configMaps, { body: configMap("a") });
    for (const on of ["yes", null]) {
      await server.ok("PATCH", `${configMaps}/a`, { body: { metadata: { labels: { on } } }, contentType: merge });
    }
    const query = { resourceVersion: metadata.resourceVersion, labelSelector: "on=yes" };
    assert.deepEqual(await firstEvents(server, configMaps, query, 2), ["ADDED a", "DELETED a"]);
  });

  it("sends what is there first, and marks its end when asked", async () => {
    const server = await testServer();
    await server.ok("POST", configMaps, { body: configMap("a") });
    const query = { sendInitialEvents: "true", resourceVersionMatch: "NotOlderThan", allowWatchBookmarks: "true" };
    assert.deepEqual(await firstEvents(server, configMaps, query, 2), ["ADDED a", "BOOKMARK"]);
  });

  it("answers 410 to a forgotten version", async () => {
    const server = await testServer();
    server.store.compact(server.store.currentRevision());
    const { status, body } = await server.send("GET", configMaps, { query: { watch: "true", resourceVersion: "1" } });
    assert.deepEqual([status, (body as Status).reason], [410, "Expired"]);
  });

  it("ends with an ERROR event when the watcher is slower than the history", async () => {
    const server = await testServer();
    const { metadata } = await server.ok<List>("GET", configMaps);
    const { events } = await server.send("GET", configMaps, {
      query: { watch: "true", resourceVersion: metadata.resourceVersion },
    });
    await server.ok("POST", configMaps, { body: configMap("a") });
    await server.ok("POST", configMaps, { body: configMap("b") });
    server.store.compact(server.store.currentRevision());
    const seen: { type: string; object: Status }[] = [];
    for await (const event of events as AsyncIterable<{ type: string; object: Status }>) seen.push(event);
    assert.deepEqual(
      seen.map(({ type, object }) => [type, object.code]),
      [["ERROR", 410]],
    );
  });

  it("ends when the client goes", async () => {
    const server = await testServer();
    const abort = new AbortController();
    const { events } = await server.send("GET", configMaps, { query: { watch: "true" }, signal: abort.signal });
    const ended = (async () => {
      for await (const _ of events as AsyncIterable<unknown>) assert.fail("no event was due");
      return true;
    })();
    abort.abort();
    assert.equal(await ended, true);
  });
});

describe("events", () => {
  it("are one storage seen through two groups", async () => {
    const server = await testServer();
    const about = { kind: "Pod", namespace: "default", name: "p" };
    await server.ok("POST", "/api/v1/namespaces/default/events", {
      body: {
        apiVersion: "v1",
        kind: "Event",
        metadata: { name: "e" },
        involvedObject: about,
        message: "hello",
        reason: "Said",
        type: "Normal",
      },
    });
    const seen = await server.ok("GET", "/apis/events.k8s.io/v1/namespaces/default/events/e");
    assert.deepEqual([seen.apiVersion, seen["note"], seen["regarding"]], ["events.k8s.io/v1", "hello", about]);
    const query = { fieldSelector: "involvedObject.name=p,reason=Said" };
    assert.deepEqual(namesOf(await server.ok<List>("GET", "/api/v1/namespaces/default/events", { query })), ["e"]);
  });
});

describe("events in time", () => {
  it("are forgotten an hour after they last happened, when another is written", async () => {
    const server = await testServer();
    const path = "/api/v1/namespaces/default/events";
    const event = (name: string): AnyObject => ({
      apiVersion: "v1",
      kind: "Event",
      metadata: { name },
      involvedObject: { kind: "Pod", namespace: "default", name: "p" },
    });
    await server.ok("POST", path, { body: event("old") });
    server.advance(3_000_000);
    await server.ok("POST", path, { body: event("recent") });
    server.advance(1_000_000);
    await server.ok("POST", path, { body: event("new") });
    assert.deepEqual(namesOf(await server.ok<List>("GET", path)), ["new", "recent"]);
  });
});

describe("tables", () => {
  const table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
  it("print a custom kind's columns, filters included", async () => {
    const server = await testServer();
    await server.ok("POST", widgets, { body: widget("a", { size: 7 }) });
    await server.ok("PATCH", `${widgets}/a/status`, {
      body: {
        status: {
          conditions: [
            { type: "Other", status: "False" },
            { type: "Ready", status: "True" },
          ],
        },
      },
      contentType: merge,
    });
    server.advance(310_000);
    const { rows, columnDefinitions } = await server.ok<{
      rows: { cells: unknown[] }[];
      columnDefinitions: { name: string }[];
    }>("GET", widgets, { accept: table });
    assert.deepEqual(
      columnDefinitions.map(({ name }) => name),
      ["Name", "Size", "Ready", "Age"],
    );
    assert.deepEqual(
      rows.map(({ cells }) => cells),
      [["a", 7, "True", "5m10s"]],
    );
  });
});
