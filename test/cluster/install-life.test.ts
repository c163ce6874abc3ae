// SPDX-License-Identifier: Apache-2.0
// The life of an install on a real API server: an upgrade, edits of its users, kinds that come later, and its end, after
// which nothing waits for an operator that is gone. The commands of the removal are those of docs/guide/remove.md.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import {
  type AnyObject,
  clusterServingRuntimes,
  inferenceServices,
  kserveNamespace,
  type ResourceType,
  resources,
  trainedModels,
} from "@serval/api";
import { mutatingWebhookConfigurations } from "@serval/operator/webhooks/registrations.ts";
import { servalBin } from "../../packages/cli/src/serval-bin.ts";
import { commandsOf } from "./guide-commands.ts";
import { type InstallHome, type Role, startInstallHome, until, untilReady } from "./install-home.ts";
import { findAssets } from "./kube-apiserver.ts";

const assets = await findAssets(["kube-apiserver", "kube-controller-manager"]);
const skip = assets.startsWith("skip:") ? { skip: assets.slice(6) } : {};
const run = promisify(execFile);
const runtimes = clusterServingRuntimes as unknown as ResourceType<AnyObject>;
const services = inferenceServices as unknown as ResourceType<AnyObject>;
const models = trainedModels as unknown as ResourceType<AnyObject>;
const definitions = resources.customResourceDefinitions as unknown as ResourceType<AnyObject>;
const namespace = "models";

const isvc = (name: string, metadata: object = {}): AnyObject => ({
  apiVersion: "serving.kserve.io/v1beta1",
  kind: "InferenceService",
  metadata: { name, namespace, ...metadata },
  spec: { predictor: { model: { modelFormat: { name: "sklearn" }, storageUri: "https://example.com/model" } } },
});

const trainedModel: AnyObject = {
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "TrainedModel",
  metadata: { name: "one", namespace },
  spec: { inferenceService: "first", model: { framework: "sklearn", memory: "10Mi", storageUri: "s3://bucket/one" } },
};

/** As KEDA's, without its fields. */
const scaledObjects: AnyObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "scaledobjects.keda.sh" },
  spec: {
    group: "keda.sh",
    scope: "Namespaced",
    names: { kind: "ScaledObject", plural: "scaledobjects", singular: "scaledobject", listKind: "ScaledObjectList" },
    versions: [
      {
        name: "v1alpha1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};

const imageOf = (runtime: AnyObject | undefined): string =>
  (runtime?.["spec"] as { containers?: { image?: string }[] } | undefined)?.containers?.[0]?.image ?? "";

describe("the life of an install on a real kube-apiserver", skip, () => {
  let home: InstallHome;
  let operator: Role;
  const restart = async (): Promise<void> => {
    assert.equal(await operator.stop(), 0);
    operator = await home.operator();
    await untilReady(operator);
  };
  const runtime = (name: string) => home.cluster.get(runtimes, { name });
  /** A command line of a guide, as its reader types it. */
  const typed = async (line: string): Promise<string> => {
    const [command = "", ...args] = line.split(" ");
    if (command === "kubectl") return home.done(args);
    assert.equal(command, "serval", line);
    const env = { ...process.env, KUBECONFIG: home.server.kubeconfig };
    const { stdout, stderr } = await run(process.execPath, [servalBin, ...args], { env });
    return stdout + stderr;
  };

  before(async () => {
    home = await startInstallHome(assets);
    for (const line of commandsOf("install.md", "Install")) await typed(line);
    operator = await home.operator();
    await untilReady(operator);
  });
  after(() => home?.close());

  it("upgrades what an older release made", async () => {
    const name = "inferenceservices.serving.kserve.io";
    const older = { metadata: { annotations: { "serval.dev/release": "0.0.1" } } };
    const crd = await home.cluster.get(definitions, { name });
    const columns = (object: AnyObject | undefined): number =>
      JSON.stringify(object?.["spec"] ?? {}).split('"jsonPath"').length - 1;
    const wanted = columns(crd);
    const body = [
      { op: "replace", path: "/metadata/annotations/serval.dev~1release", value: "0.0.1" },
      { op: "remove", path: "/spec/versions/0/additionalPrinterColumns/0" },
    ];
    await home.cluster.patch(definitions, { name }, { type: "json", body });
    await home.cluster.patch(runtimes, { name: "serval-onnx" }, { type: "merge", body: older });
    await restart();
    assert.equal(columns(await home.cluster.get(definitions, { name })), wanted);
    await until("the runtime", async () => {
      const found = await runtime("serval-onnx");
      return found?.metadata.annotations?.["serval.dev/release"] !== "0.0.1";
    });
  });

  it("leaves what a newer release made, what users edited, and what was never its own", async () => {
    const edit = {
      type: "json",
      body: [{ op: "replace", path: "/spec/containers/0/image", value: "mine:v1" }],
    } as const;
    await home.cluster.patch(runtimes, { name: "serval-onnx" }, edit);
    const note = { metadata: { annotations: { "serval.dev/release": "99.0.0" } } };
    const definition = "inferencegraphs.serving.kserve.io";
    await home.cluster.patch(definitions, { name: definition }, { type: "merge", body: note });
    const config = { data: { logger: "{}" } };
    const configMap = { namespace: kserveNamespace, name: "inferenceservice-config" };
    await home.cluster.patch(resources.configMaps, configMap, { type: "merge", body: config });
    await home.cluster.delete(runtimes, { name: "kserve-xgbserver" });
    const foreign = { ...(await runtime("serval-xgboost")), metadata: { name: "kserve-xgbserver" } } as AnyObject;
    await home.cluster.create(runtimes, foreign);
    await home.done(["annotate", "clusterservingruntime", "serval-sklearn", "team=a"]);
    await restart();
    assert.equal(imageOf(await runtime("serval-onnx")), "mine:v1");
    const kept = await home.cluster.get(definitions, { name: definition });
    assert.equal(kept?.metadata.annotations?.["serval.dev/release"], "99.0.0");
    assert.equal((await home.cluster.get(resources.configMaps, configMap))?.data?.["logger"], "{}");
    assert.equal((await runtime("kserve-xgbserver"))?.metadata.annotations?.["serval.dev/release"], undefined);
    assert.equal((await runtime("serval-sklearn"))?.metadata.annotations?.["team"], "a");
    await home.done(["annotate", "crd", definition, "--overwrite", "serval.dev/release=0.1.0"]);
  });

  it("uses a kind that is installed later, without a restart", async () => {
    await home.done(["create", "namespace", namespace]);
    await home.done(["apply", "--server-side", "-f", "-"], isvc("first"));
    const metadata = { annotations: { "serving.kserve.io/autoscalerClass": "keda" } };
    const scaled = isvc("scaled", metadata);
    const predictor = { ...(scaled["spec"] as { predictor: object }).predictor, minReplicas: 1, maxReplicas: 3 };
    await home.done(["apply", "--server-side", "-f", "-"], { ...scaled, spec: { predictor } });
    await until("the cause", async () => {
      const found = await home.cluster.get(services, { namespace, name: "scaled" });
      return JSON.stringify(found?.["status"] ?? {}).includes("SV7003");
    });
    await home.cluster.create(definitions, scaledObjects);
    await until("the ScaledObject", async () => {
      return (await home.cluster.get(resources.scaledObjects, { namespace, name: "scaled-predictor" })) !== undefined;
    });
    assert.equal(operator.child.exitCode, null);
  });

  it("ends by kubectl delete: services, models and kinds stay, nothing hangs", async () => {
    await home.done(["apply", "--server-side", "-f", "-"], trainedModel);
    // Nobody stops the pod of this test's operator when its Deployment goes.
    assert.equal(await operator.stop(), 0);
    for (const line of commandsOf("remove.md", "With kubectl")) await typed(line);
    await until("the end of the webhooks", async () => {
      const { items } = await home.cluster.list(mutatingWebhookConfigurations);
      return items.length === 0;
    });
    await until("the end of the namespace", async () => {
      return (await home.cluster.get(resources.namespaces, { name: "serval-system" })) === undefined;
    });
    assert.ok(await home.cluster.get(services, { namespace, name: "first" }));
    assert.ok(await home.cluster.get(resources.deployments, { namespace, name: "first-predictor" }));
    await home.done(["apply", "--server-side", "-f", "-"], isvc("stored-unchecked"));
    await home.done(["delete", "isvc", "first", "-n", namespace, "--timeout=30s"]);
    await home.cluster.delete(models, { namespace, name: "one" });
    assert.equal(await home.cluster.get(models, { namespace, name: "one" }), undefined);
    await home.done(["delete", "namespace", namespace, "--timeout=60s"]);
  });

  it("comes back, and is purged with everything it served", async () => {
    for (const line of commandsOf("install.md", "Install")) await typed(line);
    operator = await home.operator();
    await untilReady(operator);
    await home.done(["create", "namespace", namespace]);
    await home.done(["apply", "--server-side", "-f", "-"], isvc("last"));
    const [dry = ""] = commandsOf("install.md", "With the serval command");
    assert.match(await typed(`${dry} --dry-run`), /kind: Deployment/);
    const [, purge = ""] = commandsOf("remove.md", "With the serval command");
    await assert.rejects(typed(purge), /deletes 1 InferenceService, .* say --yes/s);
    const ended = typed(`${purge} --yes`);
    // As Kubernetes would: the operator ends when its Deployment goes.
    await until("the end of the Deployment", async () => {
      const key = { namespace: "serval-system", name: "serval-operator" };
      return (await home.cluster.get(resources.deployments, key)) === undefined;
    });
    await operator.stop();
    assert.match(await ended, /Serval is gone, with everything it served/);
    const { items } = await home.cluster.list(definitions);
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name).filter((name) => name?.includes("kserve")),
      [],
    );
    assert.deepEqual((await home.cluster.list(mutatingWebhookConfigurations)).items, []);
  });
});
