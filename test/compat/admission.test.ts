// SPDX-License-Identifier: Apache-2.0
// Admission of the kinds besides InferenceService on the embedded API server: what is stored, refused and warned about.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { type AnyObject, parseConfig, servingCrds } from "@serval/api";
import { createApiServer } from "@serval/embedded/apiserver/index.ts";
import { memoryStore } from "@serval/embedded/store/index.ts";
import { type ApiRequest, createCluster } from "@serval/kube";
import { silentLogger } from "@serval/observe";
import { admissionPlugins, createAdmissionState } from "@serval/operator";

const { config } = parseConfig({ localModel: '{"enabled":true}', ingress: "{}" });
const admission = createAdmissionState(config);
const server = await createApiServer({
  store: memoryStore(),
  crds: servingCrds(),
  admission: admissionPlugins(admission),
  log: silentLogger,
});
const caches = { runtimes: { list: () => [] }, clusterRuntimes: { list: () => [] } } as never;
admission.bind({ config: () => config, caches, cluster: createCluster(server.transport, "test") });
after(() => server.close());

const root = "/apis/serving.kserve.io";
const inDefault = (plural: string, version = "v1alpha1"): string => `${root}/${version}/namespaces/default/${plural}`;

async function send(method: ApiRequest["method"], path: string, body?: object) {
  const answer = await server.transport.send({
    method,
    path,
    userAgent: "test/1",
    ...(body === undefined ? {} : { body }),
  });
  return {
    status: answer.status,
    body: answer.body as AnyObject & { message?: string },
    warnings: answer.warnings ?? [],
  };
}

async function stored(path: string, object: object): Promise<AnyObject> {
  const { status, body } = await send("POST", path, object);
  assert.equal(status, 201, body.message ?? "");
  return body;
}

const make = (kind: string, name: string, spec: object, version = "v1alpha1") => ({
  apiVersion: `serving.kserve.io/${version}`,
  kind,
  metadata: { name },
  spec,
});
const container = { name: "kserve-container", image: "example.com/a:1" };
const uri = "hf://org/model";
const cacheSpec = { sourceModelUri: uri, modelSize: "1Gi", nodeGroups: ["gpu"] };

describe("admission on the embedded API server", () => {
  it("stores the seed's multiModel as KServe's fields", async () => {
    const runtime = make("ServingRuntime", "multi", { containers: [container], multiModel: { replicas: 3 } });
    const { spec } = await stored(inDefault("servingruntimes"), runtime);
    const { multiModel, replicas } = spec as { multiModel: unknown; replicas: unknown };
    assert.deepEqual([multiModel, replicas], [true, 3]);
  });

  it("refuses a multiModel that is neither", async () => {
    const runtime = make("ServingRuntime", "text", { containers: [container], multiModel: "yes" });
    const { status, body } = await send("POST", inDefault("servingruntimes"), runtime);
    assert.equal(status, 403);
    assert.match(body.message ?? "", /multiModel must be true, false or \{ replicas \}\n {2}SV1019 spec\.multiModel: /);
  });

  it("refuses a graph that goes in a circle, and warns of a Switch without conditions", async () => {
    const circle = make("InferenceGraph", "circle", {
      nodes: { root: { routerType: "Sequence", steps: [{ nodeName: "root" }] } },
    });
    const refused = await send("POST", inDefault("inferencegraphs"), circle);
    assert.match(refused.body.message ?? "", /goes in a circle: root → root/);
    const open = make("InferenceGraph", "open", {
      nodes: { root: { routerType: "Switch", steps: [{ serviceName: "a" }] } },
    });
    const accepted = await send("POST", inDefault("inferencegraphs"), open);
    assert.equal(accepted.status, 201);
    assert.match(accepted.warnings.join("\n"), /has no condition/);
  });

  it("warns of a storage container whose expression does not parse", async () => {
    const path = `${root}/v1alpha1/clusterstoragecontainers`;
    const { status, warnings } = await send(
      "POST",
      path,
      make("ClusterStorageContainer", "bad", { container, supportedUriFormats: [{ regex: "(" }] }),
    );
    assert.equal(status, 201);
    assert.match(warnings.join("\n"), /spec\.supportedUriFormats\[0\]\.regex/);
  });

  it("serves an LLMInferenceService in both versions", async () => {
    const old = make("LLMInferenceService", "chat", { model: { uri, criticality: "Critical" } });
    await stored(inDefault("llminferenceservices"), old);
    const { body } = await send("GET", `${inDefault("llminferenceservices", "v1alpha2")}/chat`);
    assert.equal(body.apiVersion, "serving.kserve.io/v1alpha2");
    assert.deepEqual((body["spec"] as { model: object }).model, { uri, name: "chat" });
    const { body: list } = await send("GET", inDefault("llminferenceservices"));
    const [shown] = (list as unknown as { items: { spec: { model: object } }[] }).items;
    assert.deepEqual(shown?.spec.model, { uri, name: "chat", criticality: "Critical" });
  });

  it("keeps what managers of both versions applied", async () => {
    const apply = async (version: string, manager: string, spec: object) => {
      const answer = await server.transport.send({
        method: "PATCH",
        path: `${inDefault("llminferenceservices", version)}/shared`,
        query: { fieldManager: manager },
        contentType: "application/apply-patch+yaml",
        body: make("LLMInferenceService", "shared", spec, version),
        userAgent: "test/1",
      });
      assert.ok(answer.status < 300, JSON.stringify(answer.body));
      return answer.body as AnyObject;
    };
    await apply("v1alpha1", "old", { model: { uri }, replicas: 1 });
    await apply("v1alpha2", "new", { kvCacheOffloading: { cpu: "1Gi" } });
    await apply("v1alpha1", "old", { model: { uri }, replicas: 2 });
    const { metadata, spec } = await apply("v1alpha2", "new", { kvCacheOffloading: { cpu: "2Gi" } });
    assert.deepEqual(metadata.managedFields?.map(({ manager, apiVersion }) => `${manager} ${apiVersion}`).sort(), [
      "new serving.kserve.io/v1alpha2",
      "old serving.kserve.io/v1alpha1",
    ]);
    const { replicas, kvCacheOffloading } = spec as { replicas: number; kvCacheOffloading: { cpu: string } };
    assert.deepEqual([replicas, kvCacheOffloading.cpu], [2, "2Gi"]);
  });

  it("words refusals of LLMInferenceServices as Kubernetes does", async () => {
    const broken = make("LLMInferenceService", "broken", { model: { uri }, parallelism: { data: 2 } }, "v1alpha2");
    const { status, body } = await send("POST", inDefault("llminferenceservices", "v1alpha2"), broken);
    assert.equal(status, 422);
    assert.match(
      body.message ?? "",
      /validator" denied the request: LLMInferenceService\.serving\.kserve\.io "broken" is invalid: spec\.parallelism\.dataLocal: Invalid value: null: dataLocal must be set/,
    );
  });

  it("matches services to caches, and keeps a cache while one uses it", async () => {
    const unknown = make("LocalModelNamespaceCache", "model", cacheSpec);
    const refused = await send("POST", inDefault("localmodelnamespacecaches"), unknown);
    assert.match(refused.body.message ?? "", /NodeGroup gpu not found/);
    await stored(`${root}/v1alpha1/localmodelcaches`, make("LocalModelCache", "model", cacheSpec));
    const twin = await send("POST", `${root}/v1alpha1/localmodelcaches`, make("LocalModelCache", "twin", cacheSpec));
    assert.match(twin.body.message ?? "", /LocalModelCache model has the same StorageURI hf:\/\/org\/model/);
    const predictor = { model: { modelFormat: { name: "huggingface" }, storageUri: `${uri}/weights` } };
    const services = inDefault("inferenceservices", "v1beta1");
    const { metadata } = await stored(services, make("InferenceService", "user", { predictor }, "v1beta1"));
    assert.equal(metadata.labels?.["internal.serving.kserve.io/localmodel"], "model");
    assert.equal(metadata.annotations?.["internal.serving.kserve.io/localmodel-pvc-name"], "model-gpu");
    const kept = await send("DELETE", `${root}/v1alpha1/localmodelcaches/model`);
    assert.match(kept.body.message ?? "", /LocalModelCache model is being used by InferenceService user/);
  });

  it("warns when a preset of the controller is deleted", async () => {
    const presets = `${root}/v1alpha2/namespaces/kserve/llminferenceserviceconfigs`;
    await stored(presets, make("LLMInferenceServiceConfig", "kserve-config-llm-template", {}, "v1alpha2"));
    const { warnings } = await send("DELETE", `${presets}/kserve-config-llm-template`);
    assert.match(
      warnings.join("\n"),
      /deleting well-known config kserve\/kserve-config-llm-template is not recommended/,
    );
  });
});
