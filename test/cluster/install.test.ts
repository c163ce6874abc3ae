// SPDX-License-Identifier: Apache-2.0
// One manifest, applied with kubectl on a real API server: works the first time and in any order, changes nothing the
// second time, upgrades what it made, leaves what users made of it, uses no right that it has not declared and declares
// none that it does not use.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  type AnyObject,
  clusterServingRuntimes,
  type InferenceService,
  inferenceGraphs,
  inferenceServices,
  type KubeObject,
  type ResourceType,
  type Right,
  resources,
  trainedModels,
} from "@serval/api";
import { gatewayRights } from "@serval/data-plane/rights.ts";
import { operatorRights } from "@serval/operator";
import {
  type AuditEvent,
  type InstallHome,
  manifest,
  type Role,
  startInstallHome,
  until,
  untilReady,
} from "./install-home.ts";
import { findAssets } from "./kube-apiserver.ts";

const assets = await findAssets(["kube-apiserver", "kube-controller-manager"]);
const skip = assets.startsWith("skip:") ? { skip: assets.slice(6) } : {};
const namespace = "models";

const isvc = (name: string, predictor: object = {}, more: object = {}): AnyObject => ({
  apiVersion: "serving.kserve.io/v1beta1",
  kind: "InferenceService",
  metadata: { name, namespace, ...(more as { metadata?: object }).metadata },
  spec: {
    predictor: { model: { modelFormat: { name: "sklearn" }, storageUri: "https://example.com/model" }, ...predictor },
    ...(more as { spec?: object }).spec,
  },
});

const custom = (role: string) => ({ containers: [{ name: "kserve-container", image: `example/${role}:v1` }] });

/** Of every shape that makes other calls. */
const shapes: readonly AnyObject[] = [
  isvc("plain"),
  isvc("scaled", { minReplicas: 1, maxReplicas: 3, scaleMetric: "cpu", scaleTarget: 50 }),
  isvc("with-transformer", {}, { spec: { transformer: custom("transformer") } }),
  isvc("with-secret", { serviceAccountName: "reader", model: undefined, ...custom("model") }),
  isvc("from-s3", {
    serviceAccountName: "reader",
    model: { modelFormat: { name: "sklearn" }, storageUri: "s3://bucket/model" },
  }),
  isvc("many", {
    model: {
      modelFormat: { name: "sklearn" },
      runtime: "many-models",
      resources: { limits: { memory: "1Gi" } },
    },
  }),
];

const graph: AnyObject = {
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "InferenceGraph",
  metadata: { name: "chain", namespace },
  spec: { nodes: { root: { routerType: "Sequence", steps: [{ serviceName: "plain" }] } } },
};

const trainedModel: AnyObject = {
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "TrainedModel",
  metadata: { name: "one", namespace },
  spec: { inferenceService: "many", model: { framework: "sklearn", memory: "10Mi", storageUri: "s3://bucket/one" } },
};

const manyModels: AnyObject = {
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "ServingRuntime",
  metadata: { name: "many-models", namespace },
  spec: {
    multiModel: true,
    supportedModelFormats: [{ name: "sklearn", version: "1" }],
    protocolVersions: ["v1"],
    containers: [{ name: "kserve-container", image: "example/many:v1" }],
  },
};

const cache: AnyObject = {
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "LocalModelCache",
  metadata: { name: "cached" },
  spec: { sourceModelUri: "s3://bucket/cached", modelSize: "1Gi", nodeGroups: ["gpu"] },
};
const nodeGroup: AnyObject = {
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "LocalModelNodeGroup",
  metadata: { name: "gpu" },
  spec: { storageLimit: "10Gi", persistentVolumeClaimSpec: {}, persistentVolumeSpec: {} },
};
const namespacedCache: AnyObject = {
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "LocalModelNamespaceCache",
  metadata: { name: "cached", namespace },
  spec: { sourceModelUri: "s3://bucket/other", modelSize: "1Gi", nodeGroups: ["gpu"] },
};
const llm: AnyObject = {
  apiVersion: "serving.kserve.io/v1alpha2",
  kind: "LLMInferenceService",
  metadata: { name: "llm", namespace },
  spec: { model: { uri: "hf://org/model" } },
};

const conditionOf = (object: KubeObject | undefined, type: string): string | undefined =>
  (object as InferenceService | undefined)?.status?.conditions?.find((condition) => condition.type === type)?.status;

type Used = Readonly<Record<"group" | "resource" | "verb", string>> & { readonly name: string | undefined };

/** Audit events as what RBAC was asked; an apply that made its object needed `create` too. */
function usesOf(events: readonly AuditEvent[]): Used[] {
  return events.flatMap(({ verb, objectRef, responseStatus }) => {
    if (objectRef === undefined) return [];
    const { apiGroup: group = "", resource: plural, subresource, name } = objectRef;
    const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
    const use = { group, resource, verb, name };
    return verb === "patch" && responseStatus?.code === 201 ? [use, { ...use, verb: "create" }] : [use];
  });
}

/** Rights of the table that no call needed, in words. */
function unused(rights: readonly Right[], uses: readonly Used[]): string[] {
  return rights
    .filter(({ why }) => why === undefined)
    .flatMap(({ type, subresource, verbs, names }) => {
      const resource = subresource === undefined ? type.plural : `${type.plural}/${subresource}`;
      return verbs
        .filter(
          (verb) =>
            !uses.some(
              (use) =>
                use.group === type.group &&
                use.resource === resource &&
                use.verb === verb &&
                (names === undefined || names.includes(use.name ?? "")),
            ),
        )
        .map((verb) => `${verb} ${resource} (${type.group})${names === undefined ? "" : ` ${names.join()}`}`);
    });
}

const isRefused = ({ responseStatus }: AuditEvent): boolean => responseStatus?.code === 403;

describe("an install by manifest on a real kube-apiserver", skip, () => {
  let home: InstallHome;
  let operator: Role;
  let gateway: Role;
  const objectOf = (type: ResourceType, name: string, where: string | undefined = namespace) =>
    home.cluster.get(type as ResourceType<AnyObject>, where === undefined ? { name } : { namespace: where, name });
  const restart = async (): Promise<void> => {
    assert.equal(await operator.stop(), 0);
    operator = await home.operator();
    await untilReady(operator);
  };

  before(async () => {
    home = await startInstallHome(assets);
  });
  after(() => home?.close());

  it("waits for its rights instead of ending", async () => {
    await home.done(["create", "namespace", "serval-system"]);
    await home.done(["create", "serviceaccount", "serval-operator", "-n", "serval-system"]);
    operator = await home.operator();
    const answer = await until("a reason", async () => {
      const text = await operator.readiness();
      return text.includes("forbidden") && text;
    });
    assert.match(answer, /^503 cannot make the namespace of the lease: .*forbidden/);
    assert.equal(operator.child.exitCode, null);
  });

  it("is ready after one kubectl apply", async () => {
    await home.done(["apply", "--server-side", "--force-conflicts", "-f", manifest]);
    await untilReady(operator);
    gateway = await home.gateway();
    await untilReady(gateway);
    const runtimes = await home.done(["get", "clusterservingruntimes", "-o", "name"]);
    assert.match(runtimes, /kserve-sklearnserver/);
    const own = await objectOf(clusterServingRuntimes, "serval-sklearn", undefined);
    assert.match(JSON.stringify(own), /"image":"serval\/serval-model-server:v0\.1\.0"/);
    const config = await home.done(["get", "configmap", "inferenceservice-config", "-n", "kserve", "-o", "yaml"]);
    assert.match(config, /serval\/storage-initializer:v0\.1\.0/);
    await until("the Gateway", async () => {
      const found = await objectOf(resources.gateways, "kserve-ingress-gateway", "kserve");
      return conditionOf(found, "Programmed") === "True";
    });
  });

  it("changes nothing the second time", async () => {
    const versions = (): Promise<string> =>
      home.done([
        ...["get", "-f", manifest, "-o"],
        'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation} {.metadata.resourceVersion}{"\\n"}{end}',
      ]);
    // Deployments get statuses from the controllers of this cluster.
    const stable = (text: string): string[] => text.split("\n").filter((line) => !line.startsWith("Deployment/"));
    const before = stable(await versions());
    await home.done(["apply", "--server-side", "-f", manifest]);
    assert.deepEqual(stable(await versions()), before);
    const from = await home.auditLength();
    await restart();
    const writes = (await home.audit("serval-operator", from))
      .filter(({ verb, objectRef }) => !["get", "list", "watch"].includes(verb) && objectRef?.resource !== "leases")
      .map(({ verb, requestURI }) => `${verb} ${requestURI}`);
    // The port of this test's webhooks is another one after each start.
    const expected = /webhookconfigurations|customresourcedefinitions\/llminference/;
    assert.deepEqual(
      writes.filter((write) => !expected.test(write)),
      [],
    );
  });

  it("serves every shape, with the rights of its manifest", async () => {
    await home.done(["create", "namespace", namespace]);
    await home.done(["create", "secret", "generic", "keys", "-n", namespace, "--from-literal=AWS_ACCESS_KEY_ID=a"]);
    const account = {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "reader", namespace },
      secrets: [{ name: "keys" }],
    };
    await home.done(["apply", "-f", "-"], account);
    const bundle = {
      apiVersion: "v1",
      kind: "List",
      items: [manyModels, nodeGroup, ...shapes, graph, trainedModel, llm, cache, namespacedCache],
    };
    // Whose user is asked about what it names.
    const who = ["--as=jane", "--as-group=makers", "--as-group=system:authenticated"];
    await home.done(["create", "clusterrolebinding", "makers", "--clusterrole=cluster-admin", "--group=makers"]);
    await home.done(["apply", "--server-side", "-f", "-", ...who], bundle);
    for (const { metadata } of shapes)
      await until(`InferenceService ${metadata.name}`, async () => {
        const found = await objectOf(inferenceServices, metadata.name ?? "");
        if (conditionOf(found, "Ready") === "True") return true;
        throw new Error(JSON.stringify(found?.["status"]));
      });
    await until("the graph", async () => conditionOf(await objectOf(inferenceGraphs, "chain"), "Ready") === "True");
    await until("the model", async () => conditionOf(await objectOf(trainedModels, "one"), "Ready") === "True");
  });

  it("moves traffic to a canary, and removes what is no longer wanted", async () => {
    const patch = (name: string, body: object) =>
      home.done(["patch", "isvc", name, "-n", namespace, "--type=merge", "-p", JSON.stringify(body)]);
    const model = { modelFormat: { name: "sklearn" }, storageUri: "https://example.com/next" };
    await patch("plain", { spec: { predictor: { canaryTrafficPercent: 20, model } } });
    await until("the split", async () => {
      const route = JSON.stringify(await objectOf(resources.httpRoutes, "plain"));
      return route.includes('"weight":20');
    });
    await patch("scaled", { metadata: { annotations: { "serving.kserve.io/stop": "true" } } });
    await until("the stop", async () => (await objectOf(resources.deployments, "scaled-predictor")) === undefined);
    const setIngress = (ingress: object): Promise<string> =>
      home.done([
        ...["patch", "configmap", "inferenceservice-config", "-n", "kserve", "--type=merge", "-p"],
        JSON.stringify({ data: { ingress: JSON.stringify({ ingressDomain: "example.com", ...ingress }) } }),
      ]);
    const ingress = (): Promise<AnyObject | undefined> => objectOf(resources.ingresses, "plain");
    await setIngress({ enableGatewayApi: false, ingressClassName: "nginx" });
    await until("an Ingress", async () => (await ingress()) !== undefined);
    await setIngress({ enableGatewayApi: true, kserveIngressGateway: "kserve/kserve-ingress-gateway" });
    await until("no Ingress", async () => (await ingress()) === undefined);
    await home.done(["delete", "isvc", "with-secret", "-n", namespace]);
    await home.done(["delete", "trainedmodel", "one", "-n", namespace]);
    const orphan = {
      ...trainedModel,
      metadata: { name: "orphan", namespace },
      spec: { ...(trainedModel["spec"] as object), inferenceService: "nobody" },
    };
    await home.done(["apply", "--server-side", "-f", "-"], orphan);
    await until("the orphan's end", async () => (await objectOf(trainedModels, "orphan")) === undefined);
  });

  it("was never refused, and has no right that it did not use", async () => {
    await home.done(["delete", "isvc", "many", "-n", namespace]);
    const events = await home.audit("serval-operator");
    const cut = events.findIndex(
      ({ responseStatus, objectRef }) => objectRef?.resource === "leases" && (responseStatus?.code ?? 0) < 300,
    );
    assert.deepEqual(
      events
        .slice(cut)
        .filter(isRefused)
        .map(({ requestURI, verb }) => `${verb} ${requestURI}`),
      [],
    );
    assert.deepEqual(unused(operatorRights, usesOf(events)), []);
    const asked = await home.audit("serval-gateway");
    assert.deepEqual(asked.filter(isRefused), []);
    assert.deepEqual(unused(gatewayRights, usesOf(asked)), []);
  });
});
