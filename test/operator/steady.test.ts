// SPDX-License-Identifier: Apache-2.0
// Services at rest cost nothing, however many (SERVAL_STEADY_SERVICES; .ci/run: a thousand): no write while nothing changes, none after a restart of the operator beyond
// the lists of its caches, none when every watch expires and everything is listed again.
import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { type InferenceService, inferenceServices, resources } from "@serval/api";
import type { Transport } from "@serval/kube";
import { createWatches } from "./faults/faults.ts";
import { type FaultHome, type RunningOperator, startFaultHome } from "./faults/home.ts";
import { conditionOf, sklearn } from "./home.ts";

const count = Number(process.env["SERVAL_STEADY_SERVICES"] ?? 200);
const restMs = 3_000;
const deadlineMs = 120_000;
const namespace = "steady";

interface Calls {
  readonly lists: string[];
  /** Everything that is neither a list nor a watch. */
  readonly others: string[];
}

const counting = (inner: Transport, calls: Calls): Transport => ({
  send(request) {
    const { method, path, query = {} } = request;
    const isCollection = method === "GET" && query["limit"] !== undefined;
    if (isCollection) calls.lists.push(path);
    else if (query["watch"] === undefined && path !== "/version") calls.others.push(`${method} ${path}`);
    return inner.send(request);
  },
  close: () => inner.close(),
});

const isReady = (isvc: InferenceService): boolean => conditionOf(isvc, "Ready") === "True";

describe(`${count} services at rest`, { timeout: 280_000 }, () => {
  const calls: Calls = { lists: [], others: [] };
  const watches = createWatches();
  const through = (transport: Transport): Transport => watches.through(counting(transport, calls));
  let home: FaultHome;
  let running: RunningOperator;

  /** Ready services, as the home's own informer sees them. */
  const readyCount = (): number => {
    const [services] = home.informers;
    return (services?.list(namespace) ?? []).filter((object) => isReady(object as InferenceService)).length;
  };
  const allReady = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`only ${readyCount()} are ready`)), deadlineMs);
      let next: NodeJS.Timeout | undefined;
      const look = (): void => {
        next = undefined;
        if (readyCount() < count) return;
        forget();
        clearTimeout(next);
        clearTimeout(timer);
        resolve();
      };
      const forget = home.onChange(namespace, () => {
        next ??= setTimeout(look, 200);
      });
    });
  /** Waits for what follows by itself (statuses, garbage), then counts from nothing. */
  const rest = async (): Promise<void> => {
    for (let seen = -1; seen !== calls.others.length || running.operator.settling() > 0; ) {
      seen = calls.others.length;
      await new Promise((resolve) => setTimeout(resolve, restMs / 2));
    }
    calls.lists.length = 0;
    calls.others.length = 0;
  };
  const say = (test: TestContext, text: string): void =>
    test.diagnostic(`${text}; ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`);

  before(async () => {
    home = await startFaultHome();
    await home.cluster.create(resources.namespaces, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: namespace },
    });
    running = await home.start(through);
  });
  after(() => home.close());

  it("become Ready with about ten writes each", async (test) => {
    const startedAt = performance.now();
    const ready = allReady();
    for (let index = 0; index < count; index += 1)
      await home.cluster.create(inferenceServices, sklearn(`s-${index}`, {}, { namespace }));
    await ready;
    const seconds = (performance.now() - startedAt) / 1_000;
    const each = calls.others.length / count;
    say(test, `${seconds.toFixed(1)} s, ${each.toFixed(1)} calls each, API server and controllers in the same process`);
    assert.ok(each <= 12, `${each} calls for each service`);
    await rest();
  });

  it("stay without a call", async (test) => {
    await new Promise((resolve) => setTimeout(resolve, restMs));
    say(test, `${calls.others.length} calls in ${restMs / 1_000} s`);
    assert.deepEqual([...calls.others, ...calls.lists], []);
  });

  it("cost a new operator its lists and nothing else", async (test) => {
    await running.stop();
    const startedAt = performance.now();
    running = await home.start(through);
    await running.operator.synced;
    const syncedMs = performance.now() - startedAt;
    await new Promise((resolve) => setTimeout(resolve, restMs));
    say(test, `${Math.round(syncedMs)} ms until every cache is filled, ${calls.lists.length} pages of lists`);
    assert.deepEqual(calls.others, []);
    assert.ok(calls.lists.length <= 30 + (10 * count) / 500, `${calls.lists.length} pages`);
    calls.lists.length = 0;
  });

  it("cost a full resync nothing", async (test) => {
    watches.cut("expired");
    await new Promise((resolve) => setTimeout(resolve, restMs));
    say(test, `${calls.lists.length} pages of lists`);
    assert.ok(calls.lists.length >= 10, `only ${calls.lists.length} lists: nothing was resynced`);
    assert.deepEqual(calls.others, []);
  });
});
