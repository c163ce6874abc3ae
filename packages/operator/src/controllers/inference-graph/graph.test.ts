// SPDX-License-Identifier: Apache-2.0
// Where steps lead, and the router's argument.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { InferenceGraphSpec, InferenceService, ServingRuntime } from "@serval/api";
import { graphJson } from "./graph-json.ts";
import { withTargets } from "./targets.ts";

const graph = (...steps: object[]): InferenceGraphSpec =>
  ({ nodes: { root: { routerType: "Sequence", steps } } }) as InferenceGraphSpec;

const service = (name: string, predictor: object, more: object = {}): InferenceService =>
  ({
    metadata: { name, namespace: "golden" },
    spec: { predictor, ...more },
    status: {
      address: { url: `http://${name}-predictor.golden.svc.cluster.local` },
      conditions: [{ type: "Ready", status: "True" }],
    },
  }) as unknown as InferenceService;

const model = (more: object = {}) => ({
  model: { modelFormat: { name: "sklearn" }, storageUri: "s3://m", ...more },
});

const targets: readonly {
  readonly title: string;
  readonly service?: InferenceService;
  readonly protocols?: readonly string[];
  readonly serverType?: string;
  readonly url?: string;
  readonly problem?: string;
}[] = [
  {
    title: "a v1 model by its service's name",
    service: service("m", model()),
    url: "http://m-predictor.golden.svc.cluster.local/v1/models/m:predict",
  },
  {
    title: "a v2 model",
    service: service("m", model({ protocolVersion: "v2" })),
    url: "http://m-predictor.golden.svc.cluster.local/v2/models/m/infer",
  },
  {
    title: "the first HTTP protocol of a named runtime",
    service: service("m", model({ runtime: "r" })),
    protocols: ["grpc-v2", "v2", "v1"],
    url: "http://m-predictor.golden.svc.cluster.local/v2/models/m/infer",
  },
  {
    title: "the name that the server was given",
    service: service("m", model({ args: ["--model_name=other"] })),
    url: "http://m-predictor.golden.svc.cluster.local/v1/models/other:predict",
  },
  {
    title: "a transformer's protocol and model name",
    service: service("m", model(), {
      transformer: { containers: [{ args: ["--model_name", "t"], env: [{ name: "PROTOCOL", value: "v2" }] }] },
    }),
    url: "http://m-predictor.golden.svc.cluster.local/v2/models/t/infer",
  },
  {
    title: "a multi-model service without a path",
    service: service("m", { model: { modelFormat: { name: "sklearn" } } }),
    serverType: "sklearnserver",
    url: "http://m-predictor.golden.svc.cluster.local",
  },
  {
    title: "the path of a model that its server fetches by itself",
    service: service("m", { model: { modelFormat: { name: "vLLM" }, protocolVersion: "v2" } }),
    serverType: "vllmserver",
    url: "http://m-predictor.golden.svc.cluster.local/v2/models/m/infer",
  },
  {
    title: "nothing when the runtime only speaks gRPC",
    service: service("m", model({ runtime: "r" })),
    protocols: ["grpc-v2"],
    problem: "service m: the runtime does not support a protocol compatible with Inference Graphs",
  },
  {
    title: "nothing while the service is not ready",
    service: { ...service("m", model()), status: {} } as InferenceService,
    problem: "service m is not ready",
  },
  { title: "nothing without the service", problem: "Failed to find graph service m" },
];

describe("withTargets()", () => {
  for (const { title, service: found, protocols, serverType, url, problem } of targets)
    it(`finds ${title}`, () => {
      const metadata = serverType === undefined ? {} : { annotations: { "serving.kserve.io/server-type": serverType } };
      const isKnown = protocols !== undefined || serverType !== undefined;
      const runtime = isKnown
        ? ({ metadata, spec: { protocolVersions: protocols, containers: [] } } as unknown as ServingRuntime)
        : undefined;
      const result = withTargets(graph({ serviceName: "m" }), { service: () => found, runtime: () => runtime });
      if ("problem" in result) assert.equal(result.problem.message, problem);
      else assert.equal(result.spec.nodes["root"]?.steps?.[0]?.serviceUrl, url);
    });

  it("leaves a step alone that has a URL", () => {
    const spec = graph({ serviceName: "m", serviceUrl: "http://x" });
    assert.deepEqual(withTargets(spec, { service: () => undefined, runtime: () => undefined }), { spec });
  });
});

describe("graphJson()", () => {
  it("keeps the order of KServe's structs and Go's escapes", () => {
    const spec = graph({
      condition: "a > 1",
      dependency: "Hard",
      name: "b",
      data: "$response",
      serviceUrl: "http://b",
    });
    assert.equal(
      graphJson({ ...spec, maxReplicas: 3, minReplicas: 0 }),
      '{"nodes":{"root":{"routerType":"Sequence","steps":[{"name":"b","serviceUrl":"http://b","data":"$response","condition":"a \\u003e 1","dependency":"Hard"}]}},"resources":{},"minReplicas":0,"maxReplicas":3}',
    );
  });
});
