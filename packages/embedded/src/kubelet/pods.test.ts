// SPDX-License-Identifier: Apache-2.0
// Pods that run and end as they should: real processes under a real kubelet on the embedded API server.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Pod, resources } from "@serval/api";
import { type PodHome, program, shell, startPodHome } from "./testing/pod-home.ts";

const phase =
  (wanted: string) =>
  (pod: Pod): boolean =>
    pod.status?.phase === wanted;
const mainOf = (pod: Pod) => pod.status?.containerStatuses?.find(({ name }) => name === "main");
const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;

let home: PodHome;
before(async () => {
  home = await startPodHome();
});
after(() => home[Symbol.asyncDispose]());

const ended = async (name: string, spec: Partial<NonNullable<Pod["spec"]>>): Promise<Pod> => {
  await home.run(name, { restartPolicy: "Never", ...spec });
  return home.pod(name, (pod) => phase("Succeeded")(pod) || phase("Failed")(pod), "ended");
};

describe("a pod's containers", () => {
  it("run init containers one after the other, then the containers, over a shared emptyDir", async () => {
    const volumeMounts = [{ name: "shared", mountPath: "/shared" }];
    const pod = await ended("order", {
      volumes: [{ name: "shared", emptyDir: {} }],
      initContainers: [
        shell("echo one >> /shared/order", { name: "first", volumeMounts }),
        shell("cat /shared/order; echo two >> /shared/order", { name: "second", volumeMounts }),
      ],
      containers: [shell("cat /shared/order", { volumeMounts })],
    });
    assert.equal(pod.status?.phase, "Succeeded");
    assert.equal(await home.logs("order", { container: "second" }), "one\n");
    assert.equal(await home.logs("order"), "one\ntwo\n");
    assert.equal(mainOf(pod)?.state?.terminated?.reason, "Completed");
    assert.deepEqual(
      pod.status?.initContainerStatuses?.map(({ name, ready, restartCount }) => [name, ready, restartCount]),
      [
        ["first", true, 0],
        ["second", true, 0],
      ],
    );
  });

  it("fail the pod when an init container fails and nothing may restart", async () => {
    const pod = await ended("init-fails", {
      initContainers: [shell("exit 3", { name: "first" })],
      containers: [shell("echo never")],
    });
    assert.equal(pod.status?.phase, "Failed");
    assert.equal(pod.status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode, 3);
    assert.equal(mainOf(pod)?.state?.waiting?.reason, "PodInitializing");
  });

  it("keep a sidecar init container running beside the main one and end it last", async () => {
    const volumeMounts = [{ name: "shared", mountPath: "/shared" }];
    const pod = await ended("sidecar", {
      volumes: [{ name: "shared", emptyDir: {} }],
      initContainers: [
        shell("trap 'echo ended; exit 0' TERM; echo up > /shared/up; while :; do sleep 0.05; done", {
          name: "side",
          restartPolicy: "Always",
          volumeMounts,
        }),
      ],
      containers: [shell("until [ -e /shared/up ]; do sleep 0.05; done; echo side is up", { volumeMounts })],
    });
    assert.equal(pod.status?.phase, "Succeeded");
    assert.equal(await home.logs("sidecar"), "side is up\n");
    await home.pod(
      "sidecar",
      (p) => p.status?.initContainerStatuses?.[0]?.state?.terminated !== undefined,
      "without its sidecar",
    );
    assert.equal(await home.logs("sidecar", { container: "side" }), "ended\n");
  });

  it("see their environment, expanded arguments and directory, and nothing of the home's", async () => {
    const { cluster } = home;
    const metadata = { namespace: "default", name: "settings" };
    await cluster.create(resources.configMaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata,
      data: { COLOR: "red", file: "x" },
    });
    await cluster.create(resources.secrets, {
      apiVersion: "v1",
      kind: "Secret",
      metadata,
      stringData: { token: "s3cret" },
    } as never);
    process.env["HOME_SECRET_OF_TEST"] = "leaked";
    await ended("environment", {
      volumes: [
        { name: "config", configMap: { name: "settings" } },
        { name: "secret", secret: { secretName: "settings" } },
        { name: "about", downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] } },
      ],
      containers: [
        shell(
          'echo "$1 $COLOR $TOKEN $NAME $LIMIT [$HOME_SECRET_OF_TEST] $PWD"; cat /etc/c/file /etc/s/token; ls -lL /etc/s/token | cut -c1-10',
          {
            args: ["sh", "$(COLOR)-$$(COLOR)-$(NOPE)"],
            workingDir: "/etc/c",
            envFrom: [{ configMapRef: { name: "settings" } }],
            env: [
              { name: "TOKEN", valueFrom: { secretKeyRef: { name: "settings", key: "token" } } },
              { name: "NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
              { name: "LIMIT", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "1m" } } },
            ],
            resources: { limits: { cpu: "500m" } },
            volumeMounts: [
              { name: "config", mountPath: "/etc/c" },
              { name: "secret", mountPath: "/etc/s" },
              { name: "about", mountPath: "/etc/about" },
            ],
          },
        ),
      ],
    });
    delete process.env["HOME_SECRET_OF_TEST"];
    const lines = (await home.logs("environment")).split("\n");
    assert.match(
      lines[0] as string,
      /^red-\$\(COLOR\)-\$\(NOPE\) red s3cret environment 500 \[\] .*\/volumes\/config$/,
    );
    assert.deepEqual(lines.slice(1), ["xs3cret-rw-------", ""]);
  });

  // `$$$$` is how a shell in a pod gets to see `$$`.
  const ends = [
    { name: "exit-0", script: "exit 0", exitCode: 0, reason: "Completed", phase: "Succeeded" },
    { name: "exit-7", script: "exit 7", exitCode: 7, reason: "Error", phase: "Failed" },
    { name: "sigkill", script: "kill -9 $$$$", exitCode: 137, reason: "Error", phase: "Failed" },
    { name: "sigterm", script: "kill -15 $$$$", exitCode: 143, reason: "Error", phase: "Failed" },
  ];
  for (const { name, script, exitCode, reason, phase: wanted } of ends) {
    it(`report ${name} as ${exitCode} ${reason}`, async () => {
      const pod = await ended(name, { containers: [shell(script)] });
      const end = mainOf(pod)?.state?.terminated;
      assert.deepEqual([end?.exitCode, end?.reason, pod.status?.phase], [exitCode, reason, wanted]);
    });
  }

  it("leave a termination message, or their last words where the policy says so", async () => {
    const [written, spoken] = await Promise.all([
      ended("message", { containers: [shell("echo -n because > /dev/termination-log; exit 1")] }),
      ended("last-words", {
        containers: [shell("echo farewell; exit 1", { terminationMessagePolicy: "FallbackToLogsOnError" })],
      }),
    ]);
    assert.equal(mainOf(written)?.state?.terminated?.message, "because");
    assert.equal(mainOf(spoken)?.state?.terminated?.message, "farewell\n");
  });

  it("are killed for memory with the reason OOMKilled", async (t) => {
    if (!home.limits.about.startsWith("cgroup")) return t.skip(`needs a writable cgroup; here: ${home.limits.about}`);
    const pod = await ended("oom", {
      containers: [
        program("const kept = []; for (;;) kept.push(Buffer.alloc(8 << 20, 1));", {
          resources: { limits: { memory: "128Mi" } },
        }),
      ],
    });
    const end = mainOf(pod)?.state?.terminated;
    assert.deepEqual([end?.exitCode, end?.reason], [137, "OOMKilled"]);
  });
});

describe("a pod that cannot start", () => {
  it("names the image that it cannot run and the two ways out", async () => {
    await home.run("no-image", { containers: [{ name: "main", image: "ghcr.io/acme/model:1" }] });
    const pod = await home.pod("no-image", (p) => mainOf(p)?.state?.waiting?.reason === "ErrImagePull", "refused");
    const message = mainOf(pod)?.state?.waiting?.message ?? "";
    assert.match(message, /Cannot run image "ghcr\.io\/acme\/model:1".*container engine.*Kubernetes cluster/);
    await assert.rejects(home.logs("no-image"), {
      message: 'container "main" in pod "no-image" is waiting to start: trying and failing to pull image',
    });
  });

  it("reports a missing command as StartError with exit code 128", async () => {
    const pod = await ended("no-command", { containers: [shell("", { command: ["no-such-program"] })] });
    const end = mainOf(pod)?.state?.terminated;
    assert.deepEqual([end?.exitCode, end?.reason, pod.status?.phase], [128, "StartError", "Failed"]);
    assert.match(end?.message ?? "", /"no-such-program": executable file not found in \$PATH/);
  });

  it("waits for a ConfigMap and goes on when it comes", async () => {
    await home.run("late", {
      restartPolicy: "Never",
      containers: [
        shell("echo $WORD", { env: [{ name: "WORD", valueFrom: { configMapKeyRef: { name: "late", key: "word" } } }] }),
      ],
    });
    const waiting = await home.pod(
      "late",
      (p) => mainOf(p)?.state?.waiting?.reason === "CreateContainerConfigError",
      "waiting",
    );
    assert.equal(mainOf(waiting)?.state?.waiting?.message, 'configmap "late" not found');
    await home.cluster.create(resources.configMaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace: "default", name: "late" },
      data: { word: "hello" },
    });
    await home.pod("late", phase("Succeeded"), "Succeeded");
    assert.equal(await home.logs("late"), "hello\n");
  });

  it("waits for a volume's Secret and says which", async () => {
    await home.run("late-volume", {
      restartPolicy: "Never",
      volumes: [{ name: "keys", secret: { secretName: "keys" } }],
      containers: [shell("cat /keys/a", { volumeMounts: [{ name: "keys", mountPath: "/keys" }] })],
    });
    const waiting = await home.pod("late-volume", (p) => mainOf(p)?.state?.waiting?.message !== undefined, "waiting");
    assert.equal(mainOf(waiting)?.state?.waiting?.message, 'MountVolume.SetUp failed: secret "keys" not found');
    await home.cluster.create(resources.secrets, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace: "default", name: "keys" },
      stringData: { a: "b" },
    } as never);
    await home.pod("late-volume", phase("Succeeded"), "Succeeded");
  });
});

describe("restart policy", () => {
  it("Always restarts at once, then backs off, and logs --previous speak of the run before", async () => {
    await home.run("crashing", { containers: [shell("echo run; exit 4")] });
    const pod = await home.pod(
      "crashing",
      (p) => mainOf(p)?.state?.waiting?.reason === "CrashLoopBackOff",
      "in back-off",
    );
    const status = mainOf(pod);
    assert.equal(status?.restartCount, 1);
    assert.equal(status?.lastState?.terminated?.exitCode, 4);
    assert.match(
      status?.state?.waiting?.message ?? "",
      /^back-off 10s restarting failed container=main pod=crashing_default\(.+\)$/,
    );
    assert.equal(pod.status?.phase, "Running");
    assert.equal(await home.logs("crashing", { previous: true }), "run\n");
  });

  it("OnFailure restarts until success", async () => {
    const volumeMounts = [{ name: "kept", mountPath: "/kept" }];
    await home.run("second-time", {
      restartPolicy: "OnFailure",
      volumes: [{ name: "kept", emptyDir: {} }],
      containers: [shell("[ -e /kept/tried ] && exit 0; touch /kept/tried; exit 1", { volumeMounts })],
    });
    const pod = await home.pod("second-time", phase("Succeeded"), "Succeeded");
    assert.equal(mainOf(pod)?.restartCount, 1);
  });

  it("restarts a container whose process was killed with kill -9", async () => {
    await home.run("killed", { containers: [shell("while :; do sleep 1; done")] });
    await home.pod("killed", isReady, "ready");
    const worker = home.kubelet.worker(
      (await home.cluster.get(resources.pods, { namespace: "default", name: "killed" }))?.metadata.uid ?? "",
    );
    process.kill(worker?.life("main")?.state.running?.pid ?? 0, "SIGKILL");
    const pod = await home.pod("killed", (p) => mainOf(p)?.restartCount === 1 && isReady(p), "restarted");
    assert.equal(mainOf(pod)?.lastState?.terminated?.exitCode, 137);
  });
});
