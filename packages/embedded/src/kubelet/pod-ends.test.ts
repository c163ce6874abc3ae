// SPDX-License-Identifier: Apache-2.0
// How running pods are watched, stopped, and read after the fact: probes, graceful and forced ends, logs, claims.
import assert from "node:assert/strict";
import { appendFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setInterval } from "node:timers/promises";
import { type Pod, resources } from "@serval/api";
import { rotateLog } from "./pod-logs.ts";
import { logPath } from "./process-files.ts";
import { processStartTime } from "./process-identity.ts";
import { type PodHome, program, shell, startPodHome } from "./testing/pod-home.ts";

const key = (name: string) => ({ namespace: "default", name });
const mainOf = (pod: Pod) => pod.status?.containerStatuses?.find(({ name }) => name === "main");
const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
const server = (port: number, status = 200): string =>
  `require("node:http").createServer((q, r) => { r.statusCode = ${status}; r.end("ok") }).listen(${port}, process.env.POD_IP)`;
const forever = "while :; do sleep 0.05; done";

let home: PodHome;
before(async () => {
  home = await startPodHome({ octet: 12, controllers: true });
});
after(() => home[Symbol.asyncDispose]());

const pidOf = (pod: Pod): number => home.kubelet.worker(pod.metadata.uid ?? "")?.life("main")?.state.running?.pid ?? 0;
const dirOf = (pod: Pod): string => home.kubelet.worker(pod.metadata.uid ?? "")?.containerDir("main") ?? "";

describe("probes", () => {
  const probes = [
    { name: "http", probe: { httpGet: { path: "/", port: 8080 } }, container: program(server(8080)) },
    {
      name: "named",
      probe: { httpGet: { port: "web" } },
      container: program(server(8081), { ports: [{ name: "web", containerPort: 8081 }] }),
    },
    { name: "tcp", probe: { tcpSocket: { port: 8082 } }, container: program(server(8082)) },
    {
      name: "exec",
      probe: { exec: { command: ["sh", "-c", "test $MARK = yes"] } },
      container: shell(forever, { env: [{ name: "MARK", value: "yes" }] }),
    },
  ];
  for (const { name, probe, container } of probes) {
    it(`${name} make a pod ready once they succeed`, async () => {
      await home.run(`ready-${name}`, {
        containers: [{ ...container, readinessProbe: { ...probe, periodSeconds: 10 } }],
      });
      await home.pod(`ready-${name}`, isReady, "ready");
    });
  }

  it("take a pod out again when its readiness fails, and say why in an event", async () => {
    await home.run("flips", {
      containers: [
        shell(`touch $HOME/ok; ${forever}`, {
          readinessProbe: {
            exec: { command: ["sh", "-c", "test -e $HOME/ok || { echo not ok; false; }"] },
            periodSeconds: 1,
            failureThreshold: 1,
          },
        }),
      ],
    });
    const pod = await home.pod("flips", isReady, "ready");
    await home.cluster.get(resources.pods, key("flips"));
    await import("node:fs/promises").then(({ rm }) => rm(join(dirOf(pod), "root", "ok")));
    const unready = await home.pod("flips", (p) => !isReady(p), "unready");
    assert.equal(unready.status?.conditions?.find(({ type }) => type === "Ready")?.reason, "ContainersNotReady");
    assert.equal(mainOf(unready)?.restartCount, 0);
    await home.until(
      resources.coreEvents,
      await eventKey("flips", "Unhealthy"),
      ({ message }) => message === "Readiness probe failed: not ok",
      "told",
    );
  });

  it("restart a container whose liveness fails", async () => {
    await home.run("dead", {
      terminationGracePeriodSeconds: 1,
      containers: [
        shell(forever, { livenessProbe: { exec: { command: ["false"] }, periodSeconds: 1, failureThreshold: 1 } }),
      ],
    });
    const pod = await home.pod("dead", (p) => (mainOf(p)?.restartCount ?? 0) >= 1, "restarted");
    assert.equal(mainOf(pod)?.lastState?.terminated?.exitCode, 143);
  });

  it("hold liveness back until the startup probe has succeeded", async () => {
    await home.run("slow", {
      containers: [
        shell(`sleep 0.5; touch $HOME/started; ${forever}`, {
          startupProbe: {
            exec: { command: ["sh", "-c", "test -e $HOME/started"] },
            periodSeconds: 1,
            failureThreshold: 30,
          },
          livenessProbe: {
            exec: { command: ["sh", "-c", "test -e $HOME/started"] },
            periodSeconds: 1,
            failureThreshold: 1,
          },
        }),
      ],
    });
    const early = await home.pod("slow", (p) => mainOf(p)?.state?.running !== undefined, "running");
    assert.equal(mainOf(early)?.started, false);
    const pod = await home.pod("slow", (p) => mainOf(p)?.started === true && isReady(p), "started");
    assert.equal(mainOf(pod)?.restartCount, 0);
  });
});

const eventKey = async (pod: string, reason: string) => {
  const event = (await home.eventsOf(pod)).find((e) => e.reason === reason);
  return { namespace: "default", name: event?.metadata.name ?? "" };
};

/** Ready once its trap is set: a signal before that would meet a plain shell. */
const armed = (trap: string) =>
  shell(`${trap}; touch $HOME/armed; ${forever}`, {
    readinessProbe: { exec: { command: ["sh", "-c", "test -e $HOME/armed"] } },
  });

/** A killed process lives on for a moment. */
async function dies(pid: number): Promise<void> {
  for await (const _ of setInterval(20, undefined, { signal: AbortSignal.timeout(5_000) }))
    if ((await processStartTime(pid)) === undefined) return;
}

describe("deleting a pod", () => {
  it("sends SIGTERM and waits for its end", async () => {
    await home.run("polite", { containers: [armed("trap 'echo bye; exit 0' TERM; echo up")] });
    const pod = await home.pod("polite", isReady, "ready");
    const follower = home.logs("polite", { follow: true });
    await home.cluster.delete(resources.pods, key("polite"));
    await home.gone(resources.pods, key("polite"));
    assert.match(await follower, /^up\nbye\n$/);
    await assert.rejects(stat(dirOf(pod) || join(home.dataDir, "pods", pod.metadata.uid ?? "")), { code: "ENOENT" });
  });

  it("sends SIGKILL after the grace", async () => {
    await home.run("stubborn", { containers: [armed("trap '' TERM")] });
    const pod = await home.pod("stubborn", isReady, "ready");
    const pid = pidOf(pod);
    await home.cluster.delete(resources.pods, key("stubborn"), { gracePeriodSeconds: 1 });
    await home.gone(resources.pods, key("stubborn"));
    assert.equal(await processStartTime(pid), undefined);
  });

  it("ends it at once when forced, even in the middle of a grace", async () => {
    await home.run("forced", { containers: [armed("trap '' TERM")] });
    const pod = await home.pod("forced", isReady, "ready");
    const [pid, worker] = [pidOf(pod), home.kubelet.worker(pod.metadata.uid ?? "")];
    await home.cluster.delete(resources.pods, key("forced"), { gracePeriodSeconds: 600 });
    await home.pod("forced", (p) => p.metadata.deletionTimestamp !== undefined, "ending");
    await home.cluster.delete(resources.pods, key("forced"), { gracePeriodSeconds: 0 });
    await worker?.finished;
    assert.equal(await processStartTime(pid), undefined);
  });

  it("kills what its processes left running", async () => {
    await home.run("parent", { restartPolicy: "Never", containers: [shell("sleep 1000 & echo $!")] });
    await home.pod("parent", (p) => p.status?.phase === "Succeeded", "Succeeded");
    const child = Number(await home.logs("parent"));
    assert.ok(child > 0);
    await dies(child);
  });
});

describe("a pod that listens on every address", () => {
  it("fails with a message that says what to change", async () => {
    const port = 21_800 + (process.pid % 1_000);
    await home.run("exposed", {
      containers: [
        program(`require("node:http").createServer((q, r) => r.end()).listen(${port}, "0.0.0.0")`, {
          readinessProbe: { tcpSocket: { port } },
        }),
      ],
    });
    const pod = await home.pod("exposed", (p) => p.status?.phase === "Failed", "Failed");
    assert.equal(pod.status?.reason, "ExposedPort");
    assert.match(
      pod.status?.message ?? "",
      new RegExp(`listens on 0\\.0\\.0\\.0:${port}, which opens the model to the network.*POD_IP`),
    );
  });
});

describe("a PersistentVolumeClaim", () => {
  const claim = { namespace: "default", name: "models" };
  const volumes = [{ name: "models", persistentVolumeClaim: { claimName: "models" } }];
  const volumeMounts = [{ name: "models", mountPath: "/models" }];

  it("is a directory that outlives its pods, and is not deleted under one", async () => {
    const { cluster } = home;
    await cluster.create(resources.persistentVolumeClaims, {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: claim,
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    });
    await home.until(resources.persistentVolumeClaims, claim, ({ status }) => status?.phase === "Bound", "Bound");
    await home.run("writer", {
      volumes,
      restartPolicy: "Never",
      containers: [shell("echo kept > /models/file", { volumeMounts })],
    });
    await home.pod("writer", (p) => p.status?.phase === "Succeeded", "Succeeded");
    await cluster.delete(resources.pods, key("writer"));
    await home.gone(resources.pods, key("writer"));
    await home.run("reader", { volumes, containers: [shell(`cat /models/file; ${forever}`, { volumeMounts })] });
    await home.pod("reader", isReady, "ready");
    assert.equal(await home.logs("reader"), "kept\n");

    const dir = (await cluster.list(resources.persistentVolumes)).items[0]?.spec?.hostPath?.path ?? "";
    await cluster.delete(resources.persistentVolumeClaims, claim);
    await home.until(
      resources.persistentVolumeClaims,
      claim,
      ({ metadata }) => metadata.deletionTimestamp !== undefined,
      "ending",
    );
    assert.ok((await stat(dir)).isDirectory());
    await cluster.delete(resources.pods, key("reader"), { gracePeriodSeconds: 0 });
    await home.gone(resources.persistentVolumeClaims, claim);
    const [volume] = (await cluster.list(resources.persistentVolumes)).items;
    if (volume !== undefined) await home.gone(resources.persistentVolumes, { name: volume.metadata.name });
    await assert.rejects(stat(dir), { code: "ENOENT" });
  });
});

describe("logs", () => {
  it("end with the last lines, whole", async () => {
    await home.run("lines", { restartPolicy: "Never", containers: [shell("printf 'a\\nb\\nc\\nd'")] });
    await home.pod("lines", (p) => p.status?.phase === "Succeeded", "Succeeded");
    assert.equal(await home.logs("lines", { tailLines: 2 }), "c\nd");
    assert.equal(await home.logs("lines", { tailLines: 0 }), "");
    assert.equal(await home.logs("lines", { tailLines: 9 }), "a\nb\nc\nd");
  });

  it("are rotated by size and followed across it", async () => {
    await home.run("rotated", { containers: [shell(`trap 'exit 0' TERM; echo before; ${forever}`)] });
    const pod = await home.pod("rotated", isReady, "ready");
    const path = logPath(dirOf(pod), 0);
    const follower = home.logs("rotated", { follow: true, tailLines: 0 });
    await appendFile(path, `${"x".repeat(2_000)}\n`);
    assert.equal(await rotateLog(path, 1_000), true);
    assert.equal((await stat(path)).size, 0);
    assert.ok((await stat(`${path}.1`)).size > 2_000);
    await appendFile(path, "after\n");
    await home.cluster.delete(resources.pods, key("rotated"), { gracePeriodSeconds: 1 });
    assert.match(await follower, /after\n$/);
  });

  it("of a run that never was are refused in kubelet's words", async () => {
    await home.run("first-run", { containers: [shell(forever)] });
    await home.pod("first-run", isReady, "ready");
    await assert.rejects(home.logs("first-run", { previous: true }), {
      message: 'previous terminated container "main" in pod "first-run" not found',
    });
    await assert.rejects(home.logs("first-run", { container: "other" }), /container "other" in pod "first-run"/);
  });
});

describe("a hundred pods at once", () => {
  it("all run, a few starting at a time", async () => {
    const names = Array.from({ length: 100 }, (_, i) => `many-${i}`);
    await Promise.all(
      names.map((name) => home.run(name, { restartPolicy: "Never", containers: [shell("echo $HOSTNAME")] })),
    );
    await Promise.all(names.map((name) => home.pod(name, (p) => p.status?.phase === "Succeeded", "Succeeded")));
    assert.equal(await home.logs("many-99"), "many-99\n");
    await writeFile(join(home.dataDir, "done"), "");
  });
});
