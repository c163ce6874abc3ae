// SPDX-License-Identifier: Apache-2.0
// What an informer survives. The server is played here, because a real one does not misbehave on demand.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ConfigMap, resources } from "@serval/api";
import { createCluster } from "./create-cluster.ts";
import { createInformer } from "./informer.ts";
import type { ApiRequest, ApiResponse, Transport } from "./transport.ts";

const object = (name: string, resourceVersion: string, uid = name): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace: "ns", name, uid, resourceVersion },
});
const listOf = (resourceVersion: string, ...items: ConfigMap[]): ApiResponse => ({
  status: 200,
  body: { items, metadata: { resourceVersion } },
});
const status = (code: number, reason: string) => ({ apiVersion: "v1", kind: "Status", code, reason, message: reason });

type Step = (request: ApiRequest) => ApiResponse | Promise<ApiResponse>;

/** A watch that sends `events`, then ends, breaks, or stays open. */
const watchOf =
  (events: unknown[], end: "ends" | "breaks" | "stays"): Step =>
  (request) => ({
    status: 200,
    events: (async function* () {
      yield* events;
      if (end === "breaks") throw new Error("socket hang up");
      if (end === "stays") await new Promise((resolve) => request.signal?.addEventListener("abort", resolve));
    })(),
  });

/** Answers requests by the script and keeps what was asked. */
function scripted(steps: Step[]): { transport: Transport; asked: string[] } {
  const asked: string[] = [];
  const send = async (request: ApiRequest): Promise<ApiResponse> => {
    asked.push(request.query?.["watch"] === "true" ? `watch ${request.query["resourceVersion"]}` : "list");
    const step = steps.shift();
    if (step === undefined)
      return new Promise((_resolve, reject) =>
        request.signal?.addEventListener("abort", () => reject(new Error("aborted"))),
      );
    return step(request);
  };
  return { transport: { send, close: async () => {} }, asked };
}

/** Runs the script to its end and tells what the informer saw. */
async function follow(steps: Step[], until: (names: string[], changes: string[]) => boolean) {
  const { transport, asked } = scripted(steps);
  const abort = new AbortController();
  const informer = createInformer(createCluster(transport), resources.configMaps, {
    signal: abort.signal,
    random: () => 0,
  });
  const changes: string[] = [];
  const done = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => done.reject(new Error(`deadline: ${changes.join(", ")}; asked ${asked.join(", ")}`)),
    10_000,
  );
  informer.onChange(({ type, object: changed }) => {
    changes.push(`${type} ${changed.metadata.name}`);
    if (
      until(
        informer.list().map(({ metadata }) => metadata.name),
        changes,
      )
    )
      done.resolve();
  });
  await done.promise.finally(() => clearTimeout(timer));
  const names = informer
    .list("ns")
    .map(({ metadata }) => metadata.name)
    .sort();
  abort.abort();
  return { changes, asked, names };
}

const added = (name: string, version: string) => ({ type: "ADDED", object: object(name, version) });

describe("createInformer()", () => {
  it("lists, then follows from the list's version", async () => {
    const { asked, names } = await follow(
      [() => listOf("5", object("a", "3")), watchOf([added("b", "6")], "stays")],
      (all) => all.length === 2,
    );
    assert.deepEqual(
      [asked, names],
      [
        ["list", "watch 5"],
        ["a", "b"],
      ],
    );
  });
  it("resumes a broken watch from the last version it saw, bookmarks included", async () => {
    const bookmark = { type: "BOOKMARK", object: { metadata: { resourceVersion: "9" } } };
    const { asked } = await follow(
      [() => listOf("5"), watchOf([added("a", "6"), bookmark], "breaks"), watchOf([added("b", "10")], "stays")],
      (all) => all.length === 2,
    );
    assert.deepEqual(asked, ["list", "watch 5", "watch 9"]);
  });
  it("lists again after 410, as an answer and as an event, and drops what is gone", async () => {
    for (const expired of [
      () => ({ status: 410, body: status(410, "Expired") }),
      watchOf([{ type: "ERROR", object: status(410, "Expired") }], "ends"),
    ]) {
      const { asked, names, changes } = await follow(
        [() => listOf("5", object("old", "3")), expired, () => listOf("90", object("new", "80")), watchOf([], "stays")],
        (all) => all.includes("new"),
      );
      assert.deepEqual([asked.slice(0, 3), names], [["list", "watch 5", "list"], ["new"]]);
      assert.deepEqual(changes, ["added old", "added new", "deleted old"]);
    }
  });
  it("goes on after refused lists", async () => {
    const busy: Step = () => ({ status: 503, body: status(503, "ServiceUnavailable") });
    const { asked } = await follow([busy, busy, () => listOf("5", object("a", "3")), watchOf([], "stays")], (all) =>
      all.includes("a"),
    );
    assert.deepEqual(asked.slice(0, 3), ["list", "list", "list"]);
  });
  it("never goes back: an older form of an object is ignored", async () => {
    const old = { type: "MODIFIED", object: object("a", "2") };
    const { changes } = await follow(
      [() => listOf("5", object("a", "4")), watchOf([old, added("b", "6")], "stays")],
      (all) => all.includes("b"),
    );
    assert.deepEqual(changes, ["added a", "added b"]);
  });
});
