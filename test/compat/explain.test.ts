// SPDX-License-Identifier: Apache-2.0
// What `kubectl explain` reads on the embedded API server: our descriptions, and a line per type of Kubernetes.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { type SchemaNode, servingCrds } from "@serval/api";
import { createApiServer } from "@serval/embedded/apiserver/index.ts";
import { memoryStore } from "@serval/embedded/store/index.ts";
import { silentLogger } from "@serval/observe";

const server = await createApiServer({ store: memoryStore(), crds: servingCrds(), admission: [], log: silentLogger });
after(() => server.close());

async function schema(version: string, kind: string): Promise<SchemaNode> {
  const path = `/openapi/v3/apis/serving.kserve.io/${version}`;
  const { body } = await server.transport.send({ method: "GET", path, userAgent: "test/1" });
  const { schemas } = (body as { components: { schemas: Record<string, SchemaNode> } }).components;
  const found = schemas[`io.kserve.serving.${version}.${kind}`];
  assert.ok(found !== undefined, Object.keys(schemas).join(" "));
  return found;
}

const at = (root: SchemaNode, path: string): unknown => {
  let node: SchemaNode | undefined = root;
  for (const name of path.split(".")) node = (node?.items ?? node)?.properties?.[name];
  return node?.["description"];
};

const cases = [
  { version: "v1beta1", kind: "InferenceService", path: "spec.predictor.batcher.maxLatency", text: /^Milliseconds/ },
  { version: "v1beta1", kind: "InferenceService", path: "spec.canary.trafficPercent", text: /^Share of requests/ },
  {
    version: "v1beta1",
    kind: "InferenceService",
    path: "spec.predictor.affinity",
    text: /^Kubernetes' PodSpec \(core\/v1\): affinity$/,
  },
  { version: "v1beta1", kind: "InferenceService", path: "status.serval.fix", text: /^What to do/ },
  { version: "v1alpha1", kind: "InferenceGraph", path: "spec.tolerations", text: /^Taints/ },
  { version: "v1alpha1", kind: "ClusterStorageContainer", path: "disabled", text: /^Not chosen/ },
  { version: "v1alpha2", kind: "LLMInferenceService", path: "spec.router.route.http.spec", text: /HTTPRouteSpec/ },
  { version: "v1alpha1", kind: "LLMInferenceService", path: "spec.model.criticality", text: /^v1alpha1: Critical/ },
] as const;

describe("kubectl explain", () => {
  for (const { version, kind, path, text } of cases)
    it(`${kind} ${version} ${path}`, async () => assert.match(String(at(await schema(version, kind), path)), text));
});
