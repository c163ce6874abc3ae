// SPDX-License-Identifier: Apache-2.0
// Defaults, rules and conversion of the LLM kinds beyond what KServe's recorded cases show.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AnyObject } from "@serval/api/core/index.ts";
import { convertedPlurals, convertServingObject } from "../../conversion.ts";
import { servingCrds } from "../../crds.ts";
import { criticalityAnnotations, llmFromV1alpha1, llmToV1alpha1 } from "./conversion.ts";
import { defaultLlmInferenceService } from "./defaults.ts";
import { llmConfigFindings, llmInferenceServiceFindings } from "./rules.ts";
import type { LlmInferenceService } from "./schema.ts";

const llm = (spec: object, metadata: object = {}): LlmInferenceService =>
  ({
    apiVersion: "serving.kserve.io/v1alpha2",
    kind: "LLMInferenceService",
    metadata: { name: "m", namespace: "default", ...metadata },
    spec: { model: { uri: "hf://a/b" }, ...spec },
  }) as LlmInferenceService;
const worker = { containers: [] };

const cases = [
  { name: "a model", next: llm({}), paths: [] },
  { name: "a worker alone", next: llm({ worker }), paths: ["spec.worker"] },
  { name: "a worker with stages", next: llm({ worker, parallelism: { pipeline: 2 } }), paths: [] },
  { name: "data without dataLocal", next: llm({ parallelism: { data: 4 } }), paths: ["spec.parallelism.dataLocal"] },
  {
    name: "prefill's dataLocal alone",
    next: llm({ prefill: { parallelism: { dataLocal: 1 } } }),
    paths: ["spec.prefill.parallelism.data"],
  },
  {
    name: "no scheduler",
    next: llm({ router: { scheduler: { replicas: 0 } } }),
    paths: ["spec.router.scheduler.replicas"],
  },
  {
    name: "an empty scheduler config",
    next: llm({ router: { scheduler: { config: {} } } }),
    paths: ["spec.router.scheduler.config"],
  },
  {
    name: "a group with own routes",
    next: llm({ router: { route: { group: "a", http: { refs: [{ name: "r" }] } } } }),
    paths: ["spec.router.route.group"],
  },
  {
    name: "a rollout that cannot move",
    next: llm({ rolloutStrategy: { maxSurge: 0, maxUnavailable: "0%" } }),
    paths: ["spec.rolloutStrategy"],
  },
  {
    name: "adapters that clash",
    next: llm({
      model: {
        uri: "hf://a/b",
        name: "base",
        lora: { adapters: [{ name: "base" }, { name: "a" }, { name: "a" }, {}, { name: "../x" }] },
      },
    }),
    paths: [0, 2, 3, 4].map((index) => `spec.model.lora.adapters[${index}].name`),
  },
  {
    name: "another size of the group",
    next: llm({ worker, parallelism: { pipeline: 4 } }),
    previous: llm({ worker, parallelism: { pipeline: 2 } }),
    paths: ["spec.parallelism"],
  },
  { name: "what was stored so", next: llm({ worker, replicas: 2 }), previous: llm({ worker }), paths: [] },
];

describe("llmInferenceServiceFindings()", () => {
  for (const { name, next, previous, paths } of cases as readonly ((typeof cases)[number] & {
    previous?: LlmInferenceService;
  })[])
    it(`${paths.length === 0 ? "accepts" : "refuses"} ${name}`, () =>
      assert.deepEqual(
        llmInferenceServiceFindings(next, previous).map(({ path }) => path),
        paths,
      ));
  it("refuses references of presets to presets", () =>
    assert.equal(llmConfigFindings(llm({ baseRefs: [{ name: "a" }] })).length, 1));
});

describe("defaultLlmInferenceService()", () => {
  it("names the model, labels the group, keeps the presets' containers", () => {
    const given = llm({ template: {}, prefill: { worker: {} }, router: { route: { group: "blue" } } });
    const { metadata, spec } = defaultLlmInferenceService(given);
    assert.equal(spec.model?.name, "m");
    assert.deepEqual(metadata.labels, { "serving.kserve.io/routing-group": "blue" });
    assert.deepEqual([spec.template, spec.prefill?.worker], [{ containers: [] }, { containers: [] }]);
  });
  it("takes the group's label away with the group", () => {
    const { metadata } = defaultLlmInferenceService(llm({}, { labels: { "serving.kserve.io/routing-group": "blue" } }));
    assert.equal(metadata.labels, undefined);
  });
});

const old = {
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "LLMInferenceService",
  metadata: { name: "m" },
  spec: {
    model: {
      uri: "hf://a/b",
      criticality: "Critical",
      lora: { adapters: [{ name: "x", uri: "hf://x", criticality: "Sheddable" }] },
    },
    router: {
      scheduler: {
        pool: {
          spec: {
            selector: { app: "m" },
            targetPortNumber: 8000,
            extensionRef: { name: "epp", portNumber: 9002, failureMode: "FailOpen" },
          },
        },
      },
    },
  },
} as unknown as AnyObject;

describe("convertServingObject()", () => {
  it("converts both ways and leaves the same version alone", () => {
    const stored = convertServingObject(old, "serving.kserve.io/v1alpha2");
    assert.deepEqual(convertServingObject(stored, "serving.kserve.io/v1alpha1"), old);
    assert.equal(convertServingObject(old, "serving.kserve.io/v1alpha1"), old);
  });
  for (const object of [old, { ...old, kind: "Other" }, { ...old, apiVersion: "serving.kserve.io/v9" }])
    it(`refuses ${object.kind} ${object.apiVersion} as v3`, () =>
      assert.throws(() => convertServingObject(object, "serving.kserve.io/v3"), /Cannot convert/));
});

describe("servingCrds()", () => {
  it("names the conversion webhook for kinds of several versions only", () => {
    const service = { name: "webhook", namespace: "kserve" };
    const strategies = servingCrds({ conversion: { service } }).map(({ spec }) => [
      spec.names.plural,
      spec.conversion?.strategy,
    ]);
    const converted = strategies.filter(([, strategy]) => strategy === "Webhook").map(([plural]) => plural);
    assert.deepEqual(converted, convertedPlurals);
  });
});

describe("conversion of v1alpha1", () => {
  it("keeps criticalities in annotations and changes the pool", () => {
    const stored = llmFromV1alpha1(old) as unknown as LlmInferenceService;
    assert.equal(stored.apiVersion, "serving.kserve.io/v1alpha2");
    assert.deepEqual(stored.metadata.annotations, {
      [criticalityAnnotations.model]: "Critical",
      [criticalityAnnotations.lora]: '{"x":"Sheddable"}',
    });
    assert.deepEqual(stored.spec.router?.scheduler?.pool?.spec, {
      selector: { matchLabels: { app: "m" } },
      targetPorts: [{ number: 8000 }],
      endpointPickerRef: { name: "epp", port: { number: 9002 }, failureMode: "FailOpen" },
    });
    assert.deepEqual(stored.spec.model, { uri: "hf://a/b", lora: { adapters: [{ name: "x", uri: "hf://x" }] } });
  });
  it("comes back as it was", () => assert.deepEqual(llmToV1alpha1(llmFromV1alpha1(old)), old));
  it("loses no field by a write through v1alpha1", () => {
    const stored = llm({ kvCacheOffloading: { cpu: "1Gi" }, replicas: 1 }) as unknown as AnyObject;
    const shown = llmToV1alpha1(stored);
    const scaled = { ...shown, spec: { ...(shown["spec"] as object), replicas: 2 } };
    assert.deepEqual(llmFromV1alpha1(scaled), llm({ kvCacheOffloading: { cpu: "1Gi" }, replicas: 2 }));
  });
  it("does not show what v1alpha1 has no field for", () => {
    const shown = llmToV1alpha1({
      ...llm({ kvCacheOffloading: { cpu: "1Gi" } }),
      status: { workloads: {}, addresses: [{ url: "http://a", origin: { name: "g" }, models: [] }] },
    } as unknown as AnyObject) as unknown as { spec: object; status: object };
    assert.deepEqual(
      [shown.spec, shown.status],
      [{ model: { uri: "hf://a/b" } }, { addresses: [{ url: "http://a" }] }],
    );
  });
});
