// SPDX-License-Identifier: Apache-2.0
// The custom runtime of the guide: applied as it is, chosen by its format, asked in both predictive protocols; and what is
// said about a shipped runtime whose image cannot run here.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parseAllDocuments } from "yaml";
import { Home, hostOf, isReady, root, type Service } from "./home.ts";

const folder = join(root, "examples/custom-runtime");
const request = async (name: string) => JSON.parse(await readFile(join(folder, "requests", name), "utf8"));
/** 2500 a square metre, 8000 a room, -1200 a year, from 40000. */
const prices = [252_000, 332_000];

describe("a runtime that is not ours", () => {
  let home: Home;
  let host = "";
  before(async () => {
    home = await Home.make();
    await home.ready();
    const { code, stderr } = await home.serval("apply", "-f", folder);
    assert.equal(code, 0, stderr);
    const { status } = await home.until<Service>("readiness", "house-prices", isReady);
    host = hostOf(status?.url ?? "");
    await home.askUntil("/serving/default/house-prices/v1/models/house-prices", 200);
  });
  after(() => home.close());

  it("is 30 lines long", async () => {
    const text = await readFile(join(folder, "1-runtime.yaml"), "utf8");
    assert.equal(parseAllDocuments(text).length, 1);
    assert.ok(text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length <= 30);
  });
  it("is chosen by the model's format", async () => {
    const isvc = await home.until<Service>("the status", "house-prices", isReady);
    assert.equal((isvc.status as { servingRuntimeName?: string }).servingRuntimeName, "linear-json");
  });
  it("answers v1", async () => {
    const answer = await home.ask("/v1/models/house-prices:predict", {
      host,
      body: await request("house-prices.json"),
    });
    assert.deepEqual([answer.status, answer.text], [200, JSON.stringify({ predictions: prices })]);
  });
  it("answers v2", async () => {
    const body = await request("house-prices.v2.json");
    const answer = await home.ask("/v2/models/house-prices/infer", { host, body });
    assert.equal(answer.status, 200, answer.text);
    const outputs = [{ name: "prediction", datatype: "FP64", shape: [2], data: prices }];
    assert.deepEqual(JSON.parse(answer.text), { model_name: "house-prices", outputs });
  });
  it("answers `serval predict`", async () => {
    const { code, stdout } = await home.serval(
      ...["predict", "house-prices", "-d", `@${join(folder, "requests/house-prices.json")}`],
    );
    assert.equal(code, 0);
    assert.match(stdout, /252000/);
  });

  it("a shipped runtime whose image cannot run here says so, with both ways out", async () => {
    const spec = {
      predictor: { model: { modelFormat: { name: "tensorflow" }, storageUri: "file:///examples/models/iris-svc" } },
    };
    const service = {
      apiVersion: "serving.kserve.io/v1beta1",
      kind: "InferenceService",
      metadata: { name: "tf" },
      spec,
    };
    const { code, stderr } = await home.run(
      process.execPath,
      [join(root, "packages/cli/bin/serval.mjs"), "apply", "-f", "-", "--data-dir", home.dataDir],
      JSON.stringify(service),
    );
    assert.equal(code, 0, stderr);
    type Explained = Service & {
      status?: { clusterServingRuntimeName?: string; serval?: { code?: string; message?: string } };
    };
    const { status } = await home.until<Explained>(
      "the reason",
      "tf",
      (found) => found.status?.serval?.code === "SV4001",
    );
    assert.equal(status?.clusterServingRuntimeName, "kserve-tensorflow-serving");
    assert.equal(status?.conditions?.find(({ type }) => type === "Ready")?.status, "False");
    assert.match(
      status?.serval?.message ?? "",
      /tensorflow\/serving:2\.6\.2.*install a container engine.*Kubernetes cluster/,
    );
  });
});
