// SPDX-License-Identifier: Apache-2.0
// From an init container's progress file to its pod's annotation.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { annotations, type Pod } from "@serval/api";
import { createProgressReports, progressAnnotation } from "./progress-report.ts";
import { program, shell, startPodHome } from "./testing/pod-home.ts";

describe("progressAnnotation()", () => {
  for (const { text, wanted } of [
    {
      text: '{"phase":"Downloading","bytes":5,"totalBytes":10}',
      wanted: '{"phase":"Downloading","bytes":5,"totalBytes":10}',
    },
    { text: '{"phase":"Extracting","bytes":5.4}', wanted: '{"phase":"Extracting","bytes":5}' },
    { text: '{"phase":"Done","bytes":-1,"totalBytes":"x","more":"y"}', wanted: '{"phase":"Done"}' },
    { text: '{"phase":"<b>"}', wanted: undefined },
    { text: '{"phase":7}', wanted: undefined },
    { text: "null", wanted: undefined },
    { text: '{"phase":"Down', wanted: undefined },
  ])
    it(text, () => assert.equal(progressAnnotation(text), wanted));
});

describe("createProgressReports()", () => {
  it("writes only what has changed, only while the init container runs", async (t) => {
    const dir = await mkdtemp(join(tmpdir(), "serval-report-"));
    t.after(() => rm(dir, { recursive: true, force: true }));
    const state = { isRunning: true };
    const pod = {
      metadata: { name: "p", namespace: "default", uid: "u" },
      spec: { initContainers: [{ name: "side", restartPolicy: "Always" }, { name: "init" }], containers: [] },
    } as unknown as Pod;
    const written: string[] = [];
    const cluster = {
      patch: async (
        _type: unknown,
        _key: unknown,
        { body }: { body: { metadata: { annotations: Record<string, string> } } },
      ) => {
        written.push(body.metadata.annotations[annotations.progress] as string);
        return pod;
      },
    };
    const look = createProgressReports({
      pods: () => [
        { uid: "u", pod, containerDir: () => dir, life: (name) => (name === "side" ? { isRunning: true } : state) },
      ],
      cluster: cluster as never,
      fileName: "progress.json",
      onError: (_pod, error) => assert.fail(String(error)),
    });
    const say = (bytes: number) =>
      writeFile(join(dir, "progress.json"), JSON.stringify({ phase: "Downloading", bytes }));
    await look();
    await say(1);
    await look();
    await look();
    await say(2);
    await Promise.all([look(), look()]);
    state.isRunning = false;
    await say(3);
    await look();
    assert.deepEqual(written, ['{"phase":"Downloading","bytes":1}', '{"phase":"Downloading","bytes":2}']);
  });

  it("a real pod shows it", async (t) => {
    const home = await startPodHome({ octet: 23 });
    t.after(() => home[Symbol.asyncDispose]());
    const volumeMounts = [{ name: "shared", mountPath: "/shared" }];
    const script = `
      const { existsSync, writeFileSync } = require("node:fs");
      writeFileSync(process.env.SERVAL_PROGRESS_FILE, JSON.stringify({ phase: "Downloading", bytes: 5, totalBytes: 10 }));
      const timer = setInterval(() => existsSync(process.env.GO) && clearInterval(timer), 20);`;
    const pod = await home.run("slow", {
      restartPolicy: "Never",
      volumes: [{ name: "shared", emptyDir: {} }],
      initContainers: [program(script, { name: "init", volumeMounts, env: [{ name: "GO", value: "/shared/go" }] })],
      containers: [shell("true")],
    });
    const shown = (one: Pod) => one.metadata.annotations?.[annotations.progress];
    const pulling = await home.pod("slow", (one) => shown(one) !== undefined, "showing progress");
    assert.equal(shown(pulling), '{"phase":"Downloading","bytes":5,"totalBytes":10}');
    await writeFile(join(home.dataDir, "pods", pod.metadata.uid ?? "", "volumes", "shared", "go"), "");
    await home.pod("slow", (one) => one.status?.phase === "Succeeded", "done");
  });
});
