// SPDX-License-Identifier: Apache-2.0
// Hooks, deadlines and grpc probes of pods, on real processes.
import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { createServer, type ServerHttp2Stream } from "node:http2";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Pod, resources } from "@serval/api";
import { askProbe } from "./probes.ts";
import { type PodHome, shell, startPodHome } from "./testing/pod-home.ts";

const key = (name: string) => ({ namespace: "default", name });
const forever = "while :; do sleep 0.05; done";
const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;

let home: PodHome;
before(async () => {
  home = await startPodHome({ octet: 17 });
});
after(() => home[Symbol.asyncDispose]());

const exec = (script: string) => ({ exec: { command: ["sh", "-c", script] } });
const file = (name: string): string => join(home.dataDir, name);

describe("lifecycle hooks", () => {
  it("postStart is over before the pod is ready", async () => {
    const mark = file("started");
    const lifecycle = { postStart: exec(`sleep 0.3; echo done > ${mark}`) };
    await home.run("greets", { containers: [shell(forever, { lifecycle })] });
    await home.pod("greets", isReady, "ready");
    assert.equal((await readFile(mark, "utf8")).trim(), "done");
  });

  it("a postStart hook that fails restarts the container, and says so", async () => {
    const lifecycle = { postStart: exec("echo no luck; exit 3") };
    await home.run("stumbles", {
      terminationGracePeriodSeconds: 1,
      containers: [shell(forever, { lifecycle })],
    });
    await home.pod("stumbles", ({ status }) => (status?.containerStatuses?.[0]?.restartCount ?? 0) > 0, "restarted");
    const events = await home.eventsOf("stumbles");
    assert.ok(
      events.some(
        ({ reason, message }) => reason === "FailedPostStartHook" && message === "PostStartHook failed: no luck",
      ),
    );
  });

  it("preStop runs before SIGTERM, and SIGTERM comes right after it", async () => {
    const order = file("order");
    const script = `trap 'echo term >> ${order}; exit 0' TERM; echo ready > ${file("armed")}; ${forever}`;
    const lifecycle = { preStop: exec(`sleep 0.2; echo hook >> ${order}`) };
    const readinessProbe = exec(`test -e ${file("armed")}`);
    await home.run("leaves", { containers: [shell(script, { lifecycle, readinessProbe })] });
    await home.pod("leaves", isReady, "ready");
    await home.cluster.delete(resources.pods, key("leaves"));
    await home.gone(resources.pods, key("leaves"));
    assert.equal(await readFile(order, "utf8"), "hook\nterm\n");
  });

  it("preStop: sleep holds SIGTERM back", async () => {
    const script = `trap 'exit 0' TERM; ${forever}`;
    await home.run("dozes", { containers: [shell(script, { lifecycle: { preStop: { sleep: { seconds: 1 } } } })] });
    await home.pod("dozes", isReady, "ready");
    const from = performance.now();
    await home.cluster.delete(resources.pods, key("dozes"));
    await home.gone(resources.pods, key("dozes"));
    assert.ok(performance.now() - from >= 1_000);
  });

  it("a preStop hook cannot outlast the grace, nor cost the program its SIGTERM", async () => {
    const heard = file("heard");
    const script = `trap 'echo term > ${heard}; exit 0' TERM; ${forever}`;
    await home.run("clings", {
      terminationGracePeriodSeconds: 1,
      containers: [shell(script, { lifecycle: { preStop: exec("sleep 60") } })],
    });
    await home.pod("clings", isReady, "ready");
    await home.cluster.delete(resources.pods, key("clings"));
    await home.gone(resources.pods, key("clings"));
    assert.ok((await stat(heard)).size > 0);
  });
});

describe("activeDeadlineSeconds", () => {
  it("ends a pod that takes too long", async () => {
    await home.run("late", {
      activeDeadlineSeconds: 1,
      terminationGracePeriodSeconds: 1,
      containers: [shell(forever)],
    });
    const pod = await home.pod("late", ({ status }) => status?.phase === "Failed", "Failed");
    assert.deepEqual(
      [pod.status?.reason, pod.status?.message],
      ["DeadlineExceeded", "Pod was active on the node longer than the specified deadline"],
    );
  });
});

describe("a grpc probe", () => {
  /** What a health server answers: HealthCheckResponse{status}, or a bare status code. */
  const answers: { name: string; message?: number[]; status: string; want: [boolean, RegExp] }[] = [
    { name: "serving", message: [0x08, 0x01], status: "0", want: [true, /^$/] },
    { name: "not serving", message: [0x08, 0x02], status: "0", want: [false, /responded with "NOT_SERVING"/] },
    { name: "no health service", status: "12", want: [false, /does not implement the grpc health protocol/] },
    { name: "unknown service", status: "5", want: [false, /service "model" failed with code 5/] },
  ];
  for (const { name, message, status, want } of answers) {
    it(name, async () => {
      const asked: string[] = [];
      const server = createServer();
      server.on("stream", (stream: ServerHttp2Stream, headers) => {
        let body = Buffer.alloc(0);
        stream.on("data", (chunk: Buffer) => {
          body = Buffer.concat([body, chunk]);
        });
        stream.on("end", () => {
          asked.push(`${headers[":path"]} ${body.subarray(7).toString()}`);
          stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
          stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": status }));
          stream.end(message === undefined ? undefined : Buffer.from([0, 0, 0, 0, message.length, ...message]));
        });
      });
      const port = await new Promise<number>((resolve) =>
        server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
      );
      const target = { podIP: "127.0.0.1", container: { name: "c" }, exec: () => ({ argv: [], env: {}, cwd: "/" }) };
      const answer = await askProbe({ grpc: { port, service: "model" } }, target);
      server.close();
      assert.equal(answer.ok, want[0]);
      assert.match(answer.message, want[1]);
      assert.deepEqual(asked, ["/grpc.health.v1.Health/Check model"]);
    });
  }
});

describe("volumes of a running pod", () => {
  const say = (text: string) => ({ data: { "greeting.txt": text, "other.txt": text } });
  const configMap = (text: string) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "texts", namespace: "default" },
    ...say(text),
  });

  it("follow their ConfigMap, all files at once", async () => {
    await home.cluster.create(resources.configMaps, configMap("one") as never);
    // Both files are read through one version of the folder; the probe sees a mixture as a failure for good.
    const script = `cd /etc/texts; while :; do d=$(readlink ..data); a=$(cat $d/greeting.txt) b=$(cat $d/other.txt); [ -z "$a" ] || [ "$a" = "$b" ] || exit 9; echo "$a" > ${file("seen.new")}; mv ${file("seen.new")} ${file("seen")}; sleep 0.02; done`;
    await home.run("reads", {
      restartPolicy: "Never",
      volumes: [{ name: "texts", configMap: { name: "texts" } }],
      containers: [
        shell(script, {
          volumeMounts: [{ name: "texts", mountPath: "/etc/texts" }],
          readinessProbe: { ...exec(`test "$(cat ${file("seen")})" = two`), periodSeconds: 1 },
        }),
      ],
    });
    await home.pod("reads", ({ status }) => status?.phase === "Running", "Running");
    await home.cluster.patch(resources.configMaps, key("texts"), { type: "merge", body: say("two") });
    const pod = await home.pod("reads", isReady, "ready with the new text");
    assert.equal(pod.status?.containerStatuses?.[0]?.restartCount, 0);
  });

  it("follow their Secret, and the pod's own labels", async () => {
    const text = (value: string) => ({ data: { token: Buffer.from(value).toString("base64") } });
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "token", namespace: "default" },
      ...text("old"),
    };
    await home.cluster.create(resources.secrets, secret as never);
    const readinessProbe = {
      ...exec("grep -q new /etc/token/token && grep -q round.*two /etc/labels/labels"),
      periodSeconds: 1,
    };
    await home.run("watches", {
      volumes: [
        { name: "token", secret: { secretName: "token" } },
        { name: "labels", downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] } },
      ],
      containers: [
        shell(forever, {
          volumeMounts: [
            { name: "token", mountPath: "/etc/token" },
            { name: "labels", mountPath: "/etc/labels" },
          ],
          readinessProbe,
        }),
      ],
    });
    await home.pod("watches", ({ status }) => status?.phase === "Running", "Running");
    await home.cluster.patch(resources.secrets, key("token"), { type: "merge", body: text("new") });
    await home.cluster.patch(resources.pods, key("watches"), {
      type: "merge",
      body: { metadata: { labels: { round: "two" } } },
    });
    await home.pod("watches", isReady, "ready with the new token and label");
  });
});
