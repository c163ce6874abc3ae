// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { AuditLog, callOf, counted } from "./audit.ts";
import { percentiles } from "./measure.ts";
import { median, recordedFigures } from "./verdict.ts";

const line = (event: object): string =>
  JSON.stringify({
    verb: "get",
    stage: "ResponseComplete",
    requestURI: "/api/v1/namespaces/bench/services/a",
    requestReceivedTimestamp: "2026-01-01T00:00:00.123456Z",
    objectRef: { resource: "services", namespace: "bench" },
    responseStatus: { code: 200 },
    ...event,
  });

test("which audit events are calls", () => {
  const cases: [string, object, string | undefined][] = [
    ["a call when it is done", {}, "get services"],
    ["not its beginning", { stage: "ResponseStarted" }, undefined],
    ["a watch when it is answered", { verb: "watch", stage: "ResponseStarted" }, "watch services"],
    ["not a watch's end", { verb: "watch" }, undefined],
    ["no leases", { objectRef: { resource: "leases", namespace: "kserve" } }, undefined],
    ["a subresource", { objectRef: { resource: "pods", subresource: "status" } }, "get pods/status"],
    ["discovery", { objectRef: undefined, requestURI: "/apis" }, "get (discovery)"],
  ];
  for (const [what, event, expected] of cases) {
    const call = callOf(line(event));
    assert.equal(call && `${call.verb} ${call.resource}`, expected, what);
  }
});

test("dry runs are no writes, and lists are not of the services", () => {
  const dryRun = { verb: "update", requestURI: "/apis/apps/v1/namespaces/bench/deployments/a?dryRun=All" };
  const events = [
    dryRun,
    { verb: "patch" },
    { verb: "list" },
    { objectRef: { resource: "configmaps" } },
    { verb: "delete" },
  ];
  const calls = events.map((event) => callOf(line(event))).filter((call) => call !== undefined);
  const { byCall, refused, ...numbers } = counted(calls, 2, "bench");
  assert.deepEqual(numbers, {
    ...{ calls: 5, perService: 2.5, inNamespace: 3, inNamespacePerService: 1.5 },
    ...{ writes: 2, dryRunWrites: 1, reads: 2 },
  });
  assert.equal(byCall["update services (dry run)"], 1);
  assert.deepEqual(refused, {});
});

test("the audit log is read on, half a line is kept for later", async () => {
  const dir = await mkdtemp(join(tmpdir(), "serval-audit-"));
  try {
    const path = join(dir, "audit.log");
    const log = new AuditLog(path);
    assert.equal((await log.read()).length, 0, "no file yet");
    const second = line({ verb: "patch" });
    await writeFile(path, `${line({})}\n${second.slice(0, 20)}`);
    assert.equal((await log.read()).length, 1);
    await appendFile(path, `${second.slice(20)}\n`);
    assert.deepEqual(
      (await log.read()).map(({ verb }) => verb),
      ["get", "patch"],
    );
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test("medians and percentiles", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.deepEqual(percentiles(Array.from({ length: 100 }, (_, index) => 100 - index)), { p50: 50, p99: 99, max: 100 });
  assert.deepEqual(percentiles([0.5]), { p50: 0.5, p99: 0.5, max: 0.5 });
  assert.equal(recordedFigures(2000)?.childrenSeconds, 185.5);
  assert.equal(recordedFigures(7), undefined);
});
