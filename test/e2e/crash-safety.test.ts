// SPDX-License-Identifier: Apache-2.0
// What survives: `kill -9` of the control plane, of everything, of a pod; Ctrl-C; a rolling update. A real home with a
// real model under a steady stream of requests through the gateway.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type InferenceService, inferenceServices, type Pod, resources } from "@serval/api";
import { type HomeState, homeLayout } from "@serval/embedded/home/layout.ts";
import { endPods } from "@serval/embedded/kubelet/end-pods.ts";
import { isSameProcess, processStartTime } from "@serval/embedded/kubelet/process-identity.ts";
import { type Cluster, createCluster, loadKubeconfig, remoteTransport } from "@serval/kube";
import { parse } from "yaml";

const root = fileURLToPath(new URL("../../", import.meta.url));
const serval = join(root, "packages/cli/bin/serval.mjs");
const deadlineMs = 60_000;
const name = "sklearn-iris";
const isReady = (pod: Pod): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;

/** Asks until it is so; the state of other processes has no event to wait for. */
async function eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  let last: unknown;
  while (performance.now() < deadline) {
    const answer = await ask().catch((error: unknown) => {
      last = error;
      return undefined;
    });
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Not ${what} within ${deadlineMs} ms`, { cause: last });
}

let dataDir: string;
let up: ChildProcess;
let cluster: Cluster;

const state = async (): Promise<HomeState> => JSON.parse(await readFile(homeLayout(dataDir).stateFile, "utf8"));

async function startHome(): Promise<void> {
  up = spawn(process.execPath, [serval, "up", "--data-dir", dataDir], {
    cwd: dataDir,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { pid } = up;
  let said = "";
  for (const stream of [up.stdout, up.stderr]) stream?.setEncoding("utf8").on("data", (text: string) => (said += text));
  await eventually("up", async () => {
    if (up.exitCode !== null) assert.fail(`serval up ended: ${said}`);
    const found = await state();
    return found.ready && found.supervisor?.pid === pid ? found : undefined;
  });
  cluster = createCluster(remoteTransport(await loadKubeconfig(homeLayout(dataDir).kubeconfig)), "crash-test");
}

const pods = async (): Promise<Pod[]> => (await cluster.list(resources.pods, { namespace: "default" })).items;
const readyPod = (): Promise<Pod> => eventually("ready", async () => (await pods()).find(isReady));
const restarts = (pod: Pod): number | undefined => pod.status?.containerStatuses?.[0]?.restartCount;

async function recordOf(pod: Pod): Promise<{ pid: number; startTime: string }> {
  const text = await readFile(join(dataDir, "pods", pod.metadata.uid ?? "", "state.json"), "utf8");
  const { containers } = JSON.parse(text) as { containers: { running?: { pid: number; startTime: string } }[] };
  const running = containers.map((container) => container.running).find((found) => found !== undefined);
  assert.ok(running);
  return running;
}

const predict = (port: number, agent: Agent): Promise<string> =>
  new Promise((resolve) => {
    const asked = request(
      {
        port,
        host: "127.0.0.1",
        agent,
        method: "POST",
        path: `/serving/default/${name}/v1/models/${name}:predict`,
        headers: { "content-type": "application/json" },
      },
      (response) => {
        response.resume();
        response.on("end", () => resolve(String(response.statusCode)));
        response.on("error", (error) => resolve(error.message));
      },
    );
    asked.on("error", (error) => resolve(error.message));
    asked.end('{"instances":[[6.8,2.8,4.8,1.4]]}');
  });

/** Four clients that never pause. @returns what was not 200, and how many answers there were. */
async function underLoad(work: () => Promise<void>): Promise<{ answers: number; failures: string[] }> {
  const { gatewayPort } = await state();
  const agent = new Agent({ keepAlive: true });
  let [isOver, answers] = [false, 0];
  const failures: string[] = [];
  const client = async (): Promise<void> => {
    while (!isOver) {
      const status = await predict(gatewayPort, agent);
      answers += 1;
      if (status !== "200") failures.push(status);
    }
  };
  const clients = Array.from({ length: 4 }, client);
  try {
    await work();
  } finally {
    isOver = true;
    await Promise.all(clients);
    agent.destroy();
  }
  return { answers, failures };
}

describe("a home whose processes are killed", () => {
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "serval-crash-"));
    await startHome();
    const yaml = await readFile(join(root, "examples/quickstart/sklearn-iris.yaml"), "utf8");
    const service = parse(yaml) as InferenceService;
    service.metadata.namespace = "default";
    await cluster.create(inferenceServices, service);
    await readyPod();
    await eventually("answering", async () =>
      (await predict((await state()).gatewayPort, new Agent())) === "200" ? true : undefined,
    );
  });
  after(async () => {
    up.kill("SIGTERM");
    if (up.exitCode === null && up.signalCode === null) await once(up, "exit");
    await endPods(dataDir);
    await rm(dataDir, { recursive: true, force: true });
  });

  it("loses no request in a rolling update", async () => {
    const old = await readyPod();
    const { answers, failures } = await underLoad(async () => {
      await cluster.patch(
        inferenceServices,
        { namespace: "default", name },
        { type: "merge", body: { spec: { predictor: { labels: { round: "two" } } } } },
      );
      await eventually("replaced", async () => {
        const all = await pods();
        return all.length === 1 && all[0]?.metadata.uid !== old.metadata.uid && isReady(all[0] as Pod)
          ? true
          : undefined;
      });
    });
    assert.deepEqual(failures, []);
    assert.ok(answers > 20, `${answers} answers`);
  });

  it("loses no request and restarts no pod when the control plane dies under load", async () => {
    const pod = await readyPod();
    const record = await recordOf(pod);
    const before = await state();
    const { answers, failures } = await underLoad(async () => {
      process.kill(before.controlPlane?.pid ?? 0, "SIGKILL");
      await eventually("a new control plane", async () => {
        const { controlPlane } = await state();
        return controlPlane?.pid !== before.controlPlane?.pid && (await pods()).length > 0 ? true : undefined;
      });
      await readyPod();
    });
    assert.deepEqual(failures, []);
    assert.ok(answers > 20, `${answers} answers`);
    const later = await readyPod();
    assert.equal(later.metadata.uid, pod.metadata.uid);
    assert.equal(restarts(later), 0);
    assert.deepEqual(await recordOf(later), record);
    assert.equal(await isSameProcess(record.pid, record.startTime), true);
  });

  it("replaces a killed model process", async () => {
    const record = await recordOf(await readyPod());
    process.kill(record.pid, "SIGKILL");
    const pod = await eventually("restarted", async () => (await pods()).find((p) => restarts(p) === 1 && isReady(p)));
    assert.equal(pod.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 137);
  });

  it("runs on through kill -9 of everything but the pods, and the next `up` adopts them", async () => {
    const pod = await readyPod();
    const record = await recordOf(pod);
    const { supervisor, controlPlane, gateway } = await state();
    for (const role of [supervisor, controlPlane, gateway]) process.kill(role?.pid ?? 0, "SIGKILL");
    await once(up, "exit");
    assert.equal(await isSameProcess(record.pid, record.startTime), true);
    await startHome();
    const later = await readyPod();
    assert.equal(later.metadata.uid, pod.metadata.uid);
    assert.deepEqual(await recordOf(later), record);
  });

  it("runs again after Ctrl-C and a second `up`, without fetching the model again", async () => {
    const pod = await readyPod();
    const record = await recordOf(pod);
    up.kill("SIGINT");
    await once(up, "exit");
    assert.equal(await processStartTime(record.pid), undefined);
    await startHome();
    const later = await eventually("ready again", async () =>
      (await pods()).find((p) => isReady(p) && (restarts(p) ?? 0) > (restarts(pod) ?? 0)),
    );
    assert.equal(later.metadata.uid, pod.metadata.uid);
    const fetched = (p: Pod) => p.status?.initContainerStatuses?.map(({ state: s }) => s?.terminated?.finishedAt);
    assert.ok((fetched(pod)?.length ?? 0) > 0);
    assert.deepEqual(fetched(later), fetched(pod));
  });

  it("`serval down` after kill -9 of everything ends the pods", async () => {
    const record = await recordOf(await readyPod());
    const { supervisor, controlPlane, gateway } = await state();
    for (const role of [supervisor, controlPlane, gateway]) process.kill(role?.pid ?? 0, "SIGKILL");
    await once(up, "exit");
    const down = spawn(process.execPath, [serval, "down", "--data-dir", dataDir], { stdio: "ignore" });
    assert.deepEqual(await once(down, "exit"), [0, null]);
    assert.equal(await processStartTime(record.pid), undefined);
    await startHome();
  });
});
