// SPDX-License-Identifier: Apache-2.0
// What it proves: an older release with another tag and one field less becomes the present one, by the commands of
// docs/guide/upgrade.md and under load, without a request that fails and without a pod of a service that restarts.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { inferenceServices, release } from "@serval/api";
import { commandsOf } from "../cluster/guide-commands.ts";
import { askUntil } from "./ask.ts";
import { importImages } from "./cluster/node.ts";
import { until } from "./cluster/until.ts";
import {
  example,
  gatewayUrl,
  installed,
  manifest,
  namespaceWithModels,
  onCluster,
  type RealCluster,
  realCluster,
  removeNamespace,
  root,
  systemNamespace,
} from "./cluster.ts";
import { type Load, startLoad, type Target } from "./load.ts";
import { newerField, olderArchives, olderManifest, olderVersion } from "./older-release.ts";

const namespace = "upgrade";
const crd = "inferenceservices.serving.kserve.io";
/** Requests that must be answered after everything else is done. */
const calmRequests = 200;
/** Between two changes of a service. */
const writePaceMs = 200;

interface PodFacts {
  readonly uid: string;
  readonly restarts: number;
  readonly image: string;
}

async function podsOf(real: RealCluster, where: string): Promise<Map<string, PodFacts>> {
  const { items } = JSON.parse(await real.kubectl(["get", "pods", "-n", where, "-o", "json"])) as {
    items: {
      metadata: { name: string; uid: string };
      spec: { containers: { image: string }[] };
      status: { containerStatuses?: { restartCount: number }[] };
    }[];
  };
  return new Map(
    items.map(({ metadata, spec, status }) => [
      metadata.name,
      {
        uid: metadata.uid,
        restarts: (status.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
        image: spec.containers[0]!.image,
      },
    ]),
  );
}

/** Nothing of Serval, kinds included: the older release shall make them. */
async function cleanSlate(real: RealCluster): Promise<void> {
  await real.tell(["delete", "-f", manifest, "--ignore-not-found", "--timeout=120s"]);
  const { stdout } = await real.tell(["get", "crd", "-o", "name"]);
  const kinds = stdout.split("\n").filter((name) => name.endsWith(".serving.kserve.io"));
  if (kinds.length > 0) await real.kubectl(["delete", ...kinds, "--timeout=120s"]);
}

async function knowsField(real: RealCluster): Promise<boolean> {
  const properties = ["spec", "predictor", "model", newerField].map((name) => `properties.${name}`).join(".");
  const path = `jsonpath={.spec.versions[0].schema.openAPIV3Schema.${properties}.type}`;
  return (await real.kubectl(["get", "crd", crd, "-o", path])) === "object";
}

async function targets(): Promise<Target[]> {
  const body = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join(root, `examples/quickstart/requests/${name}.json`), "utf8"));
  const [iris, words] = [
    await body("sklearn-iris"),
    { ...((await body("llm")) as object), stream: false, max_tokens: 4 },
  ];
  const predict = "/v1/models/sklearn-iris:predict";
  const answers = /^\{"predictions":\[1,1\]\}$/;
  return [
    {
      name: "gateway by host",
      url: `${gatewayUrl}${predict}`,
      host: `sklearn-iris-${namespace}.example.com`,
      body: iris,
      answers,
    },
    { name: "gateway by path", url: `${gatewayUrl}/serving/${namespace}/sklearn-iris${predict}`, body: iris, answers },
    {
      name: "service",
      url: `http://sklearn-iris-predictor.${namespace}.svc.cluster.local${predict}`,
      body: iris,
      answers,
    },
    {
      name: "language model",
      url: `${gatewayUrl}/serving/${namespace}/llm/openai/v1/chat/completions`,
      body: words,
      answers: /choices/,
    },
  ];
}

/** A service without pods: its annotations would be those of its pods, and every write a roll-out. */
const stopped = `
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: { name: written, annotations: { serving.kserve.io/stop: "true" } }
spec: { predictor: { model: { modelFormat: { name: sklearn }, storageUri: pvc://models/iris-svc } } }
`;

/** Changes a service again and again, through the webhooks. @returns what ends it and tells what was refused. */
function keepWriting(real: RealCluster, name: string): () => Promise<{ writes: number; refused: string[] }> {
  const refused: string[] = [];
  let running = true;
  let writes = 0;
  const write = async (): Promise<void> => {
    while (running) {
      writes += 1;
      const body = { metadata: { annotations: { writes: String(writes) } } };
      const patch = { type: "merge", body } as const;
      await real.cluster
        .patch(inferenceServices, { namespace, name }, patch)
        .catch((error: Error) => refused.push(error.message));
      await new Promise((resolve) => setTimeout(resolve, writePaceMs));
    }
  };
  const done = write();
  return async () => {
    running = false;
    await done;
    return { writes, refused };
  };
}

describe("an upgrade on a real cluster", onCluster, () => {
  let real: RealCluster;
  let load: Load | undefined;
  before(async () => {
    real = await realCluster();
    await importImages(real.placed, await olderArchives());
    await cleanSlate(real);
    await real.kubectl(["apply", "--server-side", "-f", "-"], olderManifest());
    await installed(real);
    await namespaceWithModels(real, namespace);
  });
  after(async () => {
    await load?.stop();
    await removeNamespace(real, namespace);
    await real[Symbol.asyncDispose]();
  });

  it("restarts no pod of a service and loses no request", async (t) => {
    assert.equal(await knowsField(real), false);
    for (const name of ["sklearn-iris", "llm"])
      await real.kubectl(["apply", "-n", namespace, "-f", "-"], await example(`quickstart/${name}.yaml`));
    await real.kubectl(["wait", "-n", namespace, "--for=condition=Ready", "isvc", "--all", "--timeout=180s"]);
    await real.kubectl(["apply", "-n", namespace, "-f", "-"], stopped);
    const asked = await targets();
    for (const { url, host, body } of asked) await askUntil(url, { body, ...(host === undefined ? {} : { host }) });
    const before = await podsOf(real, namespace);
    for (const { image } of (await podsOf(real, systemNamespace)).values())
      assert.match(image, new RegExp(`v${olderVersion}$`));

    load = startLoad(asked);
    const endWriting = keepWriting(real, "written");
    const startedAt = performance.now();
    for (const command of commandsOf("upgrade.md", "Upgrade")) await real.kubectl(command.split(" ").slice(1));
    await until("the new release's field in the kind", () => knowsField(real));
    // The last of what an operator brings; services that use it would roll out now.
    await until("the runtimes of the new release", async () => {
      const names = `jsonpath={.items[*].metadata.annotations.serval\\.dev/release}`;
      const found = (await real.kubectl(["get", "clusterservingruntimes", "-o", names])).split(" ");
      return found.length > 5 && found.every((each) => each === release);
    });
    t.diagnostic(`upgraded in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
    const { requests } = load.result();
    await until("the last of the older pods to be gone", async () =>
      [...(await podsOf(real, systemNamespace)).values()].every(({ image }) => image.endsWith(`v${release}`)),
    );
    await until("calm", () => load!.result().requests > requests + calmRequests);
    const result = await load.stop();
    const { writes, refused } = await endWriting();
    t.diagnostic(`${writes} writes`);
    t.diagnostic(
      JSON.stringify({ ...result, failures: result.failures.length, slowestMs: Math.round(result.slowestMs) }),
    );

    assert.deepEqual(result.failures, []);
    assert.deepEqual(refused, []);
    assert.deepEqual(await podsOf(real, namespace), before);
    const annotation = `jsonpath={.metadata.annotations.serval\\.dev/release}`;
    assert.equal(await real.kubectl(["get", "crd", crd, "-o", annotation]), release);
  });

  it("makes the new field usable on what is there", async () => {
    const patch = JSON.stringify({ spec: { predictor: { model: { [newerField]: { enabled: false } } } } });
    await real.kubectl(["patch", "-n", namespace, "isvc", "sklearn-iris", "--type=merge", "-p", patch]);
    const path = `jsonpath={.spec.predictor.model.${newerField}.enabled}`;
    assert.equal(await real.kubectl(["get", "-n", namespace, "isvc", "sklearn-iris", "-o", path]), "false");
  });
});
