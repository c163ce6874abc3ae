// SPDX-License-Identifier: Apache-2.0
// What it proves: KServe's first example and a language model, on a real cluster, under the runtimes' own names: ready by
// `kubectl wait`, the frameworks' own answers through the Service and through the project's gateway by host and by path.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ask, askUntil } from "./ask.ts";
import {
  example,
  gatewayUrl,
  install,
  namespaceWithModels,
  onCluster,
  type RealCluster,
  realCluster,
  removeNamespace,
  root,
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
    real = await realCluster();
    await install(real);
    await namespaceWithModels(real, namespace);
  });
  after(async () => {
    await removeNamespace(real, namespace);
    await real[Symbol.asyncDispose]();
  });

  for (const { service, runtime, path, answers } of rows)
    it(`${service} by ${runtime}`, async (t) => {
      const startedAt = performance.now();
      await real.kubectl(["apply", "-n", namespace, "-f", "-"], await example(`quickstart/${service}.yaml`));
      await real.kubectl(["wait", "-n", namespace, "--for=condition=Ready", `isvc/${service}`, "--timeout=120s"]);
      t.diagnostic(`${service}: ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
      const get = (field: string) =>
        real.kubectl(["get", "-n", namespace, "isvc", service, "-o", `jsonpath={.status.${field}}`]);
      assert.equal(await get("clusterServingRuntimeName"), runtime);
      const body = { ...((await request(service)) as object), stream: false };
      const host = new URL(await get("url")).host;
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
