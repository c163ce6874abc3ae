// SPDX-License-Identifier: Apache-2.0
// What it proves: KServe's first example and a language model, on a real cluster, under the runtimes' own names: ready by
// `kubectl wait`, the frameworks' own answers through the Service and through the project's gateway by host and by path.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ask, askUntil } from "./ask.ts";
import {
  endStory,
  example,
  field,
  gatewayUrl,
  onCluster,
  type RealCluster,
  ready,
  root,
  startStory,
} from "./cluster.ts";

const namespace = "quickstart";
const request = async (name: string): Promise<unknown> =>
  JSON.parse(await readFile(join(root, `examples/quickstart/requests/${name}.json`), "utf8"));

interface Row {
  readonly service: string;
  readonly runtime: string;
  readonly path: string;
  readonly answers: RegExp;
}

const rows: readonly Row[] = [
  {
    service: "sklearn-iris",
    runtime: "kserve-sklearnserver",
    path: "/v1/models/sklearn-iris:predict",
    answers: /^\{"predictions":\[1,1\]\}$/,
  },
  {
    service: "xgboost-cancer",
    runtime: "kserve-xgbserver",
    path: "/v2/models/xgboost-cancer/infer",
    answers: /"data":\[/,
  },
  { service: "llm", runtime: "serval-llamacpp", path: "/openai/v1/chat/completions", answers: /Kubernetes/ },
];

describe("the quick start on a real cluster", onCluster, () => {
  let real: RealCluster;
  before(async () => {
    real = await startStory(namespace);
  });
  after(() => endStory(real, namespace));

  for (const { service, runtime, path, answers } of rows)
    it(`${service} by ${runtime}`, async (t) => {
      const text = await example(`quickstart/${service}.yaml`);
      // As KServe, Serval would choose MLServer for version 2 of the protocol.
      const yaml = text.replace("protocolVersion: v2", `runtime: ${runtime}\n      protocolVersion: v2`);
      await real.kubectl(["apply", "-n", namespace, "-f", "-"], yaml);
      const named = { namespace, name: service };
      t.diagnostic(`${service}: ready after ${(await ready(real, named)).toFixed(1)} s`);
      assert.equal(await field(real, named, ".status.clusterServingRuntimeName"), runtime);
      const body = { ...((await request(service)) as object), stream: false };
      const { host } = new URL(await field(real, named, ".status.url"));
      assert.equal(host, `${service}-${namespace}.example.com`);
      const address = `http://${service}-predictor.${namespace}.svc.cluster.local${path}`;
      const byService = await ask(address, { body });
      const byHost = await askUntil(`${gatewayUrl}${path}`, { host, body });
      const byPath = await ask(`${gatewayUrl}/serving/${namespace}/${service}${path}`, { body });
      for (const { status, text } of [byService, byHost, byPath]) {
        assert.equal(status, 200, text);
        assert.match(text, answers);
      }
    });
});
