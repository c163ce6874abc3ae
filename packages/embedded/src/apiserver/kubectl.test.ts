// SPDX-License-Identifier: Apache-2.0
// The stock kubectl 1.34 against the embedded API server over HTTPS, with the kubeconfig that a home writes.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { kubectlPath } from "../../../../test/kubectl.ts";
import { loadPki, writeKubeconfig } from "../pki/index.ts";
import type { HttpFront } from "./index.ts";
import { type TestServer, testServer } from "./testing/servers.ts";

const kubectl = await kubectlPath();
const deadlineMs = 20_000;

interface Output {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let dir = "";
let server: TestServer;
let front: HttpFront;

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return spawn(kubectl as string, [`--cache-dir=${join(dir, "cache")}`, ...args], {
    env: { PATH: process.env["PATH"], HOME: dir, KUBECONFIG: join(dir, "kubeconfig"), ...env },
    timeout: deadlineMs,
    killSignal: "SIGKILL",
  });
}

function run(args: readonly string[], options: { input?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Output> {
  const child = start(args, options.env);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => (stdout += data));
  child.stderr.on("data", (data) => (stderr += data));
  child.stdin.end(options.input ?? "");
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** stdout of a run that must succeed. */
async function ok(line: string, options?: { input?: string; env?: NodeJS.ProcessEnv }): Promise<string> {
  const { code, stdout, stderr } = await run(line.split(" "), options);
  assert.equal(code, 0, `kubectl ${line}: ${stderr}`);
  return stdout;
}

/** stderr of a run that must fail. */
async function fails(line: string, options?: { input?: string }): Promise<string> {
  const { code, stderr, stdout } = await run(line.split(" "), options);
  assert.notEqual(code, 0, `kubectl ${line} succeeded: ${stdout}`);
  return stderr;
}

const web = (replicas: number, extra = ""): string => `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: nginx:1.27
        ports: [{containerPort: 80}]${extra}
`;

before(async () => {
  if (kubectl === undefined) return;
  dir = await mkdtemp(join(tmpdir(), "serval-kubectl-"));
  const usage = {
    atMs: Date.parse("2026-01-01T00:00:00Z"),
    windowMs: 15_000,
    cpuMilli: 250,
    memoryBytes: 64 * 2 ** 20,
  };
  const metrics = {
    ofPod: () => ({ ...usage, containers: [{ ...usage, name: "main" }] }),
    ofNode: () => usage,
  };
  server = await testServer({ serving: true, metrics });
  const pki = await loadPki(join(dir, "pki"));
  front = await server.server.listen({ host: "127.0.0.1", port: 0, pki });
  await writeKubeconfig(join(dir, "kubeconfig"), { server: front.url, pki });
});
after(async () => {
  await server?.server.close();
  if (dir !== "") await rm(dir, { recursive: true, force: true });
});

const skip = kubectl === undefined ? "kubectl for tests is packaged for linux x64 only" : false;

describe("kubectl", { skip, timeout: 120_000 }, () => {
  it("knows the server", async () => {
    assert.match(await ok("version"), /Server Version: v1\.34\.\d+\+serval/);
    assert.match(await ok("get --raw /readyz"), /^ok$/);
  });

  it("lists what is served, with short names and categories", async () => {
    const resources = await ok("api-resources");
    for (const row of [
      /^pods +po +v1 +true +Pod$/m,
      /^inferenceservices +isvc +serving\.kserve\.io\/v1beta1 +true +InferenceService$/m,
    ])
      assert.match(resources, row);
  });

  it("applies on the client's side, and again without change", async () => {
    assert.equal(await ok("apply -f -", { input: web(1) }), "deployment.apps/web created\n");
    assert.equal(await ok("apply -f -", { input: web(1) }), "deployment.apps/web unchanged\n");
    assert.equal(await ok("apply -f -", { input: web(2) }), "deployment.apps/web configured\n");
    assert.match(
      await ok("get deployment web -o wide"),
      /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR\nweb +0\/2 +0 +0 +\S+ +main +nginx:1\.27 +app=web\n$/,
    );
  });

  it("applies on the server's side: conflict, then force", async () => {
    const refused = await fails("apply --server-side --field-manager=other -f -", { input: web(5) });
    assert.match(
      refused,
      /Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps\/v1(?: at \S+)?: \.spec\.replicas/,
    );
    assert.equal(
      await ok("apply --server-side --force-conflicts --field-manager=other -f -", { input: web(5) }),
      "deployment.apps/web serverside-applied\n",
    );
    assert.equal(await ok("get deployment web -o jsonpath={.spec.replicas}"), "5");
    assert.match(
      await ok("get deployment web --show-managed-fields -o jsonpath={.metadata.managedFields[*].manager}"),
      /other/,
    );
  });

  it("refuses unknown fields and wrong values in Kubernetes' words", async () => {
    assert.match(
      await fails("apply -f -", { input: web(1, "\n        colour: red") }),
      /strict decoding error: unknown field "spec\.template\.spec\.containers\[0\]\.colour"/,
    );
    assert.match(
      await fails("apply -f -", { input: web(-1) }),
      /The Deployment "web" is invalid: spec\.replicas: Invalid value: -1: must be greater than or equal to 0/,
    );
    assert.match(
      await fails("create -f -", { input: web(1) }),
      /Error from server \(AlreadyExists\): .*deployments\.apps "web" already exists/,
    );
    assert.match(await fails("get pod nobody"), /Error from server \(NotFound\): pods "nobody" not found/);
  });

  it("changes: label, annotate, patch in three ways, scale, set image, edit", async () => {
    await ok("label deployment web tier=front");
    await ok("annotate deployment web note=hello");
    await run([
      "patch",
      "deployment",
      "web",
      "-p",
      '{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"nginx:1.28"}]}}}}',
    ]);
    await run(["patch", "deployment", "web", "--type=merge", "-p", '{"metadata":{"labels":{"merged":"yes"}}}']);
    await run([
      "patch",
      "deployment",
      "web",
      "--type=json",
      "-p",
      '[{"op":"add","path":"/metadata/labels/json","value":"yes"}]',
    ]);
    await ok("scale deployment web --replicas=3");
    const editor = join(dir, "editor.sh");
    await writeFile(editor, `#!/bin/sh\nsed -i 's/note: hello/note: edited/' "$1"\n`);
    await chmod(editor, 0o755);
    assert.match(await ok("edit deployment web", { env: { KUBE_EDITOR: editor } }), /deployment\.apps\/web edited/);
    const object = JSON.parse(await ok("get deployment web -o json"));
    assert.deepEqual(object.metadata.labels, { app: "web", tier: "front", merged: "yes", json: "yes" });
    assert.equal(object.metadata.annotations.note, "edited");
    assert.deepEqual(
      [
        object.spec.replicas,
        object.spec.template.spec.containers[0].image,
        object.spec.template.spec.containers.length,
      ],
      [3, "nginx:1.28", 1],
    );
  });

  it("creates typed kinds, which it sends as protobuf", async () => {
    assert.equal(await ok("create deployment hello --image=busybox --replicas=0"), "deployment.apps/hello created\n");
    assert.equal(await ok("get deployment hello -o jsonpath={.spec.replicas}"), "0");
    await ok("create configmap settings --from-literal=key=value");
    assert.equal(await ok("get configmap settings -o jsonpath={.data.key}"), "value");
    await ok("create secret generic hidden --from-literal=password=s3cret");
    assert.equal(await ok("get secret hidden -o jsonpath={.data.password}"), Buffer.from("s3cret").toString("base64"));
    assert.match(await ok("get services,configmaps,secrets"), /secret\/hidden +Opaque +1 /);
  });

  it("stores nothing with --dry-run=server", async () => {
    assert.match(await ok("create configmap ghost --from-literal=a=b --dry-run=server"), /created \(server dry run\)/);
    assert.match(await fails("get configmap ghost"), /NotFound/);
  });

  it("watches, waits and describes", async () => {
    const watch = start(["get", "pods", "-w", "--no-headers"]);
    const lines = createInterface({ input: watch.stdout })[Symbol.asyncIterator]();
    await ok("run one --image=busybox:1 --restart=Never");
    assert.match(String((await lines.next()).value), /^one +0\/1 +Pending /);
    const waiting = ok("wait pod/one --for=condition=Ready --timeout=15s");
    const containerStatuses = [
      { name: "one", ready: true, restartCount: 2, image: "busybox:1", imageID: "", state: { running: {} } },
    ];
    const status = {
      phase: "Running",
      podIP: "127.2.0.1",
      conditions: [{ type: "Ready", status: "True" }],
      containerStatuses,
    };
    await server.ok("PATCH", "/api/v1/namespaces/default/pods/one/status", {
      body: { status },
      contentType: "application/merge-patch+json",
    });
    assert.match(String((await lines.next()).value), /^one +1\/1 +Running +2 /);
    watch.kill("SIGKILL");
    assert.equal(await waiting, "pod/one condition met\n");
    assert.match(
      await ok("get pods -o wide --field-selector=status.phase=Running"),
      /^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES\none .*127\.2\.0\.1/,
    );
    assert.match(await ok("describe pod one"), /Name: +one\n[\s\S]*Status: +Running\n[\s\S]*Ready +True/);
  });

  it("shows events of both groups", async () => {
    const { uid } = (await server.ok("GET", "/api/v1/namespaces/default/pods/one")).metadata;
    const event = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: "one.1" },
      involvedObject: { kind: "Pod", namespace: "default", name: "one", uid },
      reason: "Started",
      message: "Started the container",
      type: "Normal",
      firstTimestamp: "2026-01-01T00:00:00Z",
      lastTimestamp: "2026-01-01T00:00:00Z",
      count: 1,
    };
    await server.ok("POST", "/api/v1/namespaces/default/events", { body: event });
    const row = /^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n\S+ +Normal +Started +pod\/one +Started the container\n$/;
    assert.match(await ok("get events"), row);
    assert.match(await ok("get events.events.k8s.io"), row);
    assert.match(await ok("describe pod one"), /Normal +Started .* Started the container/);
  });

  it("follows a rollout", async () => {
    const { metadata } = await server.ok("GET", "/apis/apps/v1/namespaces/default/deployments/web");
    const status = {
      observedGeneration: metadata.generation,
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
    };
    await server.ok("PATCH", "/apis/apps/v1/namespaces/default/deployments/web/status", {
      body: { status },
      contentType: "application/merge-patch+json",
    });
    assert.match(await ok("rollout status deployment/web --timeout=10s"), /successfully rolled out/);
  });

  it("explains fields, without descriptions", async () => {
    assert.match(await ok("explain deployment.spec.replicas"), /FIELD: replicas <integer>/);
  });

  it("deletes and waits until it is gone", async () => {
    assert.match(
      await ok("delete deployment web hello --timeout=10s"),
      /deployment\.apps "web" deleted[\s\S]*deployment\.apps "hello" deleted/,
    );
    assert.equal((await server.send("GET", "/apis/apps/v1/namespaces/default/deployments/web")).status, 404);
  });

  it("shows what pods use", async () => {
    assert.match(await ok("top pod one"), /NAME +CPU\(cores\) +MEMORY\(bytes\) *\none +250m +64Mi/);
  });

  it("answers what one may do", async () => {
    assert.equal((await ok("auth can-i create inferenceservices")).trim(), "yes");
    const other = await run("auth can-i get secrets --as=eve".split(" "));
    assert.deepEqual([other.code, other.stdout.trim().split(" ")[0]], [1, "no"]);
    assert.match(await ok("auth whoami"), /Username +system:admin[\s\S]*system:masters/);
  });

  for (const [line, message] of [
    ["exec one -- ls", /exec into a pod is not yet served here/],
    ["port-forward pod/one 18080:80", /port forwarding is not yet served here/],
    ["logs one", /pod logs is not yet served here/],
  ] as const) {
    it(`is told why "kubectl ${line}" does not work`, async () => {
      assert.match(await fails(line), message);
    });
  }
});
