// SPDX-License-Identifier: Apache-2.0
// Processes outlive the kubelet: the next one goes on with them, learns what happened meanwhile, and starts nothing twice.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Pod, resources } from "@serval/api";
import { endPods } from "./end-pods.ts";
import { pruneStarts, readExit, readRecord, settleStart } from "./process-files.ts";
import { isSameProcess, processStartTime } from "./process-identity.ts";
import { killGroup, killProcess, startProcess, waitForExit } from "./process-runner.ts";
import { type PodHome, shell, startPodHome } from "./testing/pod-home.ts";

const key = (name: string) => ({ namespace: "default", name });
const mainOf = (pod: Pod) => pod.status?.containerStatuses?.find(({ name }) => name === "main");
const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
const forever = "while :; do sleep 0.05; done";

describe("the next kubelet", () => {
  let home: PodHome;
  before(async () => {
    home = await startPodHome({ octet: 13 });
  });
  after(() => home[Symbol.asyncDispose]());
  const running = (pod: Pod) => home.kubelet.worker(pod.metadata.uid ?? "")?.life("main")?.state.running;

  it("goes on with a running pod: same process, same address, ready all the time", async () => {
    const probe = { exec: { command: ["sh", "-c", "test -e /data/ok"] } };
    await home.run("stays", {
      volumes: [{ name: "data", emptyDir: {} }],
      containers: [
        shell(`touch /data/ok; ${forever}`, {
          readinessProbe: probe,
          livenessProbe: { ...probe, periodSeconds: 1, failureThreshold: 1 },
          volumeMounts: [{ name: "data", mountPath: "/data" }],
        }),
      ],
    });
    const pod = await home.pod("stays", isReady, "ready");
    const pid = running(pod)?.pid ?? 0;
    const seen: boolean[] = [];
    await home.replaceKubelet(async () => {
      seen.push((await processStartTime(pid)) !== undefined);
    });
    await home.run("newcomer", { restartPolicy: "Never", containers: [shell("echo $POD_IP")] });
    await home.pod("newcomer", (p) => p.status?.phase === "Succeeded", "Succeeded");
    const later = await home.pod("stays", (p) => running(p) !== undefined, "adopted");
    assert.deepEqual(seen, [true]);
    assert.equal(running(later)?.pid, pid);
    assert.equal(mainOf(later)?.restartCount, 0);
    assert.equal(isReady(later), true);
    assert.equal(later.status?.podIP, pod.status?.podIP);
    assert.notEqual((await home.logs("newcomer")).trim(), pod.status?.podIP);
  });

  it("learns the exit code of a process that ended meanwhile", async () => {
    await home.run("ends-alone", {
      restartPolicy: "Never",
      containers: [shell("until [ -e $HOME/go ]; do sleep 0.02; done; exit 5")],
    });
    const pod = await home.pod("ends-alone", isReady, "ready");
    const worker = home.kubelet.worker(pod.metadata.uid ?? "");
    const dir = worker?.containerDir("main") ?? "";
    const record = running(pod);
    await home.replaceKubelet(async () => {
      await writeFile(join(dir, "root", "go"), "");
      await waitForExit(dir, record as NonNullable<typeof record>, AbortSignal.timeout(20_000));
    });
    const failed = await home.pod("ends-alone", (p) => p.status?.phase === "Failed", "Failed");
    assert.equal(mainOf(failed)?.state?.terminated?.exitCode, 5);
  });

  it("reads the logs of a pod that had ended before", async () => {
    await home.run("done", { restartPolicy: "Never", containers: [shell("echo result")] });
    await home.pod("done", (p) => p.status?.phase === "Succeeded", "Succeeded");
    await home.replaceKubelet();
    assert.equal(await home.logs("done"), "result\n");
    assert.equal((await home.cluster.get(resources.pods, key("done")))?.status?.phase, "Succeeded");
  });

  it("ends the processes of a pod that was deleted meanwhile", async () => {
    await home.run("deleted", { containers: [shell(forever)] });
    const pod = await home.pod("deleted", isReady, "ready");
    const record = running(pod);
    await home.replaceKubelet(() => home.cluster.delete(resources.pods, key("deleted"), { gracePeriodSeconds: 0 }));
    assert.equal(await processStartTime(record?.pid ?? 0), undefined);
  });

  it("goes on with a termination that was under way", async () => {
    await home.run("ending", { containers: [shell(`trap 'touch $HOME/told' TERM; ${forever}`)] });
    const pod = await home.pod("ending", isReady, "ready");
    const record = running(pod);
    await home.cluster.delete(resources.pods, key("ending"), { gracePeriodSeconds: 600 });
    await home.replaceKubelet();
    assert.notEqual(await processStartTime(record?.pid ?? 0), undefined, "a kubelet that stops kills nobody");
    await home.cluster.delete(resources.pods, key("ending"), { gracePeriodSeconds: 1 });
    await home.gone(resources.pods, key("ending"));
    assert.equal(await processStartTime(record?.pid ?? 0), undefined);
  });
});

describe("a start that is cut off in the middle", () => {
  const limits = { shell: "", wasOomKilled: async () => false, release: async () => {} };
  const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin" };
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "serval-starts-"));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  it("has either happened or will never happen, whenever the next kubelet looks", async () => {
    const runs = (at: string) => readFile(join(at, "runs"), "utf8").catch(() => "");
    for (let i = 0; i < 25; i++) {
      const at = join(dir, String(i));
      const launch = {
        dir: at,
        cwd: at,
        restart: 0,
        env,
        limits,
        argv: ["sh", "-c", "echo run >> runs"],
      };
      const started = startProcess(launch).catch((error: Error) => error);
      // Let the first kubelet come anywhere between nothing and done.
      for (let turn = 0; turn < i * 4; turn++) await new Promise((resolve) => setImmediate(resolve));
      const settled = await settleStart(at, 0);
      const first = await started;
      const isTaken = settled !== undefined;
      // What the next kubelet does: go on with it, or start it.
      const own = settled ?? (first instanceof Error ? await startProcess(launch) : first);
      if (!isTaken && !(first instanceof Error)) assert.equal((await readRecord(at, 0))?.pid, first.pid);
      assert.equal((await waitForExit(at, own, AbortSignal.timeout(20_000)))?.exitCode, 0);
      assert.equal(await runs(at), "run\n", `start ${i} ran once`);
    }
  });

  it("leaves nothing behind when the shell that waits for the process is killed too", async () => {
    const launch = { dir, cwd: dir, restart: 7, env, limits, argv: ["sleep", "1000"] };
    const running = await startProcess(launch);
    process.kill(running.groupId, "SIGKILL");
    process.kill(running.pid, "SIGKILL");
    assert.equal((await waitForExit(dir, running, AbortSignal.timeout(20_000)))?.exitCode, 137);
    assert.equal(await readExit(dir, 7), undefined);
  });

  it("never signals a group whose number another program has by now", async () => {
    const launch = { dir, cwd: dir, restart: 8, env, limits, argv: ["sleep", "1000"] };
    const running = await startProcess(launch);
    await killGroup({ ...running, groupStartTime: "1" });
    assert.equal(await isSameProcess(running.pid, running.startTime), true);
    await killProcess(running);
    await waitForExit(dir, running, AbortSignal.timeout(20_000));
  });

  it("is forgotten when two newer ones exist", async () => {
    await pruneStarts(dir, 8);
    assert.equal(await readRecord(dir, 7), undefined);
    assert.equal((await readRecord(dir, 8))?.restart, 8);
  });

  it("is found by `serval down` without any kubelet", async () => {
    const home = await mkdtemp(join(tmpdir(), "serval-down-"));
    const at = join(home, "pods", "some-uid", "containers", "main");
    const running = await startProcess({ dir: at, cwd: at, restart: 0, env, limits, argv: ["sleep", "1000"] });
    assert.equal(await endPods(home), 1);
    assert.equal(await processStartTime(running.pid), undefined);
    assert.equal(await endPods(home), 0);
    await rm(home, { recursive: true });
  });
});
