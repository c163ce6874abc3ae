// SPDX-License-Identifier: Apache-2.0
// A model from a slow server into a running home: people see how far it is, and why it failed.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Pod, resources } from "@serval/api";
import { tarOf } from "@serval/storage/testing/archives.ts";
import { type FaultServer, noise, startFaultServer } from "@serval/storage/testing/fault-server.ts";
import { kubectlPath } from "../kubectl.ts";
import { Home, isReady, root, type Service, servalBin } from "./home.ts";

type Pulling = Service & { status?: { serval?: { message?: string; fix?: string; progress?: { text: string } } } };

let home: Home;
let models: FaultServer;

async function output(result: ReturnType<Home["run"]>): Promise<string> {
  const { code, stdout, stderr } = await result;
  assert.equal(code, 0, stdout + stderr);
  return stdout;
}

async function deploy(name: string, storageUri: string): Promise<void> {
  const service = {
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: { name },
    spec: { predictor: { model: { modelFormat: { name: "sklearn" }, storageUri } } },
  };
  const args = [servalBin, "apply", "-f", "-", "--data-dir", home.dataDir];
  await output(home.run(process.execPath, args, JSON.stringify(service)));
}

/** Of its first start: the kubelet's record has process and group in the first line. */
async function initializerPid(service: string): Promise<number> {
  const { items } = JSON.parse(await output(home.serval("get", "pods", "-o", "json"))) as { items: Pod[] };
  const uid = items.find(({ metadata }) => metadata.name.startsWith(`${service}-predictor`))?.metadata.uid ?? "";
  const record = await readFile(join(home.dataDir, "pods", uid, "containers", "storage-initializer", "0.pid"), "utf8");
  return Number(record.split(" ")[0]);
}

before(async () => {
  home = await Home.make();
  models = await startFaultServer();
  await home.ready();
});

after(async () => {
  await home.close();
  await models.close();
});

describe("a model from a slow server", () => {
  it("shows how far it is, goes on after a kill -9 of the initializer, then serves", async (t) => {
    const gate = Promise.withResolvers<void>();
    t.after(() => gate.resolve());
    const archive = await tarOf([
      { name: "model.joblib", body: await readFile(join(root, "examples/models/iris-svc/model.joblib")) },
      { name: "notes.bin", body: noise(36_000_000) },
    ]);
    models.files.set("/iris.tar", { body: archive, etag: '"v1"', contentType: "application/x-tar" });
    // The third part of 16 MiB lacks its last byte until the gate opens.
    models.fault = ({ headers }) => (headers.range?.startsWith("bytes=33554432-") ? { gate: gate.promise } : undefined);
    await deploy("slow-iris", `${models.url}/iris.tar`);
    const shown = "Downloading 99% (34.3 MiB of 34.3 MiB)";
    await home.until<Pulling>(
      "progress of slow-iris",
      "slow-iris",
      ({ status }) => status?.serval?.progress?.text === shown,
    );
    assert.ok((await output(home.serval("get"))).includes(shown));
    const kubectl = await kubectlPath();
    if (kubectl === undefined) t.diagnostic("no kubectl for this platform: its half is not shown");
    else assert.ok((await output(home.run(kubectl, ["get", "isvc", "slow-iris"]))).includes(shown));
    process.kill(await initializerPid("slow-iris"), "SIGKILL");
    gate.resolve();
    await home.until<Service>("slow-iris ready", "slow-iris", isReady);
    const answer = await output(home.serval("predict", "slow-iris", "-d", '{"instances": [[6.8, 2.8, 4.8, 1.4]]}'));
    assert.deepEqual(JSON.parse(answer), { predictions: [1] });
    const log = await output(home.serval("logs", "slow-iris", "-c", "storage-initializer"));
    assert.match(log, /Going on after 33554432 of \d+ bytes of iris\.tar/);
  });

  it("that has no such model: the service says the reason and the way out", async () => {
    await deploy("no-iris", `${models.url}/gone.tar`);
    const gone = `Storage initialization failed: HTTP resource not found at '${models.url}/gone.tar'`;
    await home.until<Pulling>(
      "reason of no-iris",
      "no-iris",
      ({ status }) =>
        status?.serval?.message?.includes(gone) === true && status.serval.fix?.startsWith("Check the path") === true,
    );
    assert.ok((await output(home.serval("describe", "no-iris"))).includes(gone));
    const pod = await home.until<Pod>(
      "a failed initializer",
      JSON.parse(await output(home.serval("get", "pods", "-o", "json"))).items.find((one: Pod) =>
        one.metadata.name.startsWith("no-iris"),
      ).metadata.name,
      ({ status }) => status?.initContainerStatuses?.[0]?.lastState?.terminated !== undefined,
      resources.pods as never,
    );
    assert.equal(pod.status?.initContainerStatuses?.[0]?.lastState?.terminated?.exitCode, 1);
  });
});
