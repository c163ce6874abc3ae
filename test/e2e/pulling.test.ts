// SPDX-License-Identifier: Apache-2.0
// A model from a slow server into a running home: people see how far it is, and why it failed.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { tarOf } from "@serval/storage/testing/archives.ts";
import { type FaultServer, noise, startFaultServer } from "@serval/storage/testing/fault-server.ts";
import { kubectlPath } from "../kubectl.ts";

const bin = fileURLToPath(new URL("../../packages/cli/bin/serval.mjs", import.meta.url));
const modelFile = fileURLToPath(new URL("../../examples/models/iris-svc/model.joblib", import.meta.url));
/** Far longer than anything takes: only a failure waits it out. */
const deadlineMs = 90_000;

let dataDir: string;
let models: FaultServer;

function start(command: string, args: readonly string[]): ChildProcess {
  return spawn(command, args, {
    env: { PATH: process.env["PATH"], HOME: dataDir, KUBECONFIG: join(dataDir, "kubeconfig") },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

const startServal = (...args: string[]): ChildProcess => start(process.execPath, [bin, ...args, "--data-dir", dataDir]);

async function output(child: ChildProcess): Promise<string> {
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (data: string) => (text += data));
  child.stderr?.setEncoding("utf8").on("data", (data: string) => (text += data));
  const [code] = (await once(child, "close")) as [number];
  assert.equal(code, 0, text);
  return text;
}

/** The first line that `serval get -w` prints and `accept` likes. */
async function watchUntil(pattern: RegExp): Promise<string> {
  const child = startServal("get", "-w");
  const timer = setTimeout(() => child.kill("SIGKILL"), deadlineMs);
  const lines: string[] = [];
  try {
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      lines.push(line);
      if (pattern.test(line)) return line;
    }
    assert.fail(`no line like ${pattern} within ${deadlineMs} ms:\n${lines.join("\n")}`);
  } finally {
    clearTimeout(timer);
    child.kill("SIGKILL");
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function deploy(name: string, storageUri: string): Promise<void> {
  const file = join(dataDir, `${name}.json`);
  const model = { modelFormat: { name: "sklearn" }, storageUri };
  const service = {
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: { name },
    spec: { predictor: { model } },
  };
  await writeFile(file, JSON.stringify(service));
  await output(startServal("apply", "-f", file));
}

/** Of its first start: the kubelet's record has process and group in the first line. */
async function initializerPid(service: string): Promise<number> {
  const pods = JSON.parse(await output(startServal("get", "pods", "-o", "json"))) as {
    items: { metadata: { name: string; uid: string } }[];
  };
  const uid = pods.items.find(({ metadata }) => metadata.name.startsWith(`${service}-predictor`))?.metadata.uid ?? "";
  const record = await readFile(join(dataDir, "pods", uid, "containers", "storage-initializer", "0.pid"), "utf8");
  return Number(record.split(" ")[0]);
}

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "serval-pulling-"));
  models = await startFaultServer();
  await output(startServal("up", "--detach", "--port", String(await freePort())));
});

after(async () => {
  await output(startServal("down"));
  await models.close();
  await rm(dataDir, { recursive: true, force: true });
});

describe("a model from a slow server", () => {
  it("shows in serval get and kubectl get how far it is, goes on after a kill -9 of the initializer, then serves", async (t) => {
    const gate = Promise.withResolvers<void>();
    t.after(() => gate.resolve());
    const archive = await tarOf([
      { name: "model.joblib", body: await readFile(modelFile) },
      { name: "notes.bin", body: noise(36_000_000) },
    ]);
    models.files.set("/iris.tar", { body: archive, etag: '"v1"', contentType: "application/x-tar" });
    // The third part of 16 MiB lacks its last byte until the gate opens.
    models.fault = ({ headers }) => (headers.range?.startsWith("bytes=33554432-") ? { gate: gate.promise } : undefined);
    await deploy("slow-iris", `${models.url}/iris.tar`);
    assert.match(await watchUntil(/^slow-iris .*Downloading 99%/), /Downloading 99% \(34\.3 MiB of 34\.3 MiB\)/);
    const kubectl = await kubectlPath();
    if (kubectl === undefined) t.diagnostic("no kubectl for this platform: its half is not shown");
    else assert.match(await output(start(kubectl, ["get", "isvc", "slow-iris"])), /PROGRESS\n.*Downloading 99%/);
    process.kill(await initializerPid("slow-iris"), "SIGKILL");
    gate.resolve();
    await watchUntil(/^slow-iris +http\S+ +True /);
    const answer = await output(startServal("predict", "slow-iris", "-d", '{"instances": [[6.8, 2.8, 4.8, 1.4]]}'));
    assert.deepEqual(JSON.parse(answer), { predictions: [1] });
    const log = await output(startServal("logs", "slow-iris", "-c", "storage-initializer"));
    assert.match(log, /Going on after 33554432 of \d+ bytes of iris\.tar/);
  });

  it("that has no such model: the reason and the way out are in the service's description", async () => {
    await deploy("no-iris", `${models.url}/gone.tar`);
    const gone = /Storage initialization failed: HTTP resource not found at 'http:\S+gone\.tar'\. Fix: Check the path/;
    const deadline = AbortSignal.timeout(deadlineMs);
    let text = "";
    // Each look is a whole command; the service changes in between.
    while (!gone.test(text)) {
      assert.equal(deadline.aborted, false, text);
      text = await output(startServal("describe", "no-iris"));
    }
    const service = JSON.parse(await output(startServal("get", "no-iris", "-o", "json")));
    assert.match(JSON.stringify(service.status), /HTTP resource not found/);
  });
});
