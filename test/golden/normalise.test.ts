// SPDX-License-Identifier: Apache-2.0
// Names that a server makes up become the recorder's placeholders, and nothing else does.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AnyObject } from "@serval/api";
import { applyPatch } from "./api.ts";
import type { GoldenCase } from "./case.ts";
import { recordingOf } from "./case.ts";
import { keyed, keyFor, normalised, suffixesOf, withPlaceholders } from "./normalise.ts";

const object = (apiVersion: string, kind: string, metadata: object, more: object = {}): AnyObject =>
  ({ apiVersion, kind, metadata, ...more }) as AnyObject;
const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "a-predictor-7d9f", uid: "1" };
const pod = object("v1", "Pod", {
  name: "a-predictor-7d9f-x2k4z",
  uid: "2",
  labels: { "pod-template-hash": "7d9f" },
  ownerReferences: [owner],
});

describe("withPlaceholders()", () => {
  const suffixes = suffixesOf([pod]);
  for (const [text, want] of [
    ["a-predictor-7d9f-x2k4z", "a-predictor-<hash>-<rand>"],
    [
      'ReplicaSet "a-predictor-7d9f" has successfully progressed.',
      'ReplicaSet "a-predictor-<hash>" has successfully progressed.',
    ],
    ["7d9f", "<hash>"],
    ["sha256:7d9f", "sha256:7d9f"],
    ["a-predictor", "a-predictor"],
  ] as const)
    it(`makes ${want} of ${text}`, () => assert.equal(withPlaceholders(text, suffixes), want));
});

describe("keyFor()", () => {
  for (const [apiVersion, kind, want] of [
    ["v1", "Service", "Service/a"],
    ["serving.knative.dev/v1", "Service", "KnativeService/a"],
    ["inference.networking.x-k8s.io/v1alpha2", "InferencePool", "XInferencePool/a"],
    ["inference.networking.k8s.io/v1", "InferencePool", "InferencePool/a"],
  ] as const)
    it(`${apiVersion} ${kind} is ${want}`, () => assert.equal(keyFor(object(apiVersion, kind, { name: "a" })), want));
});

describe("keyed()", () => {
  it("numbers what has the same name without its suffixes", () => {
    const [one, two] = [object("v1", "Pod", { name: "p" }), object("v1", "Pod", { name: "p" })];
    assert.deepEqual(Object.keys(keyed([one, two])), ["Pod/p", "Pod/p#2"]);
  });
});

describe("normalised()", () => {
  it("leaves the object that it was given alone", () => {
    const before = structuredClone(pod);
    const after = normalised(pod, suffixesOf([pod]));
    assert.deepEqual(pod, before);
    assert.deepEqual(after.metadata, {
      name: "a-predictor-<hash>-<rand>",
      labels: { "pod-template-hash": "<hash>" },
      ownerReferences: [{ ...owner, name: "a-predictor-<hash>", uid: "<uid>" }],
    });
  });
  it("keeps an address that was asked to be None", () => {
    const headless = object("v1", "Service", { name: "a" }, { spec: { clusterIP: "None", clusterIPs: ["None"] } });
    assert.deepEqual(normalised(headless)["spec"], { clusterIP: "None", clusterIPs: ["None"] });
  });
});

describe("applyPatch()", () => {
  for (const [what, previous, next, want] of [
    ["removes what is no longer said", { a: 1, b: { c: 1, d: 2 } }, { b: { c: 3 } }, { a: null, b: { c: 3, d: null } }],
    ["replaces lists whole", { l: [1, 2] }, { l: [2] }, { l: [2] }],
    ["says everything the first time", undefined, { a: { b: 1 } }, { a: { b: 1 } }],
  ] as const)
    it(what, () => assert.deepEqual(applyPatch(previous, next), want));
});

describe("recordingOf()", () => {
  it("makes whole states of what was added, changed and removed", () => {
    const a = object("v1", "Service", { name: "a" }, { spec: { n: 1 }, status: {} });
    const golden = {
      case: "c",
      mode: "m",
      context: {},
      error: null,
      outputs: { "Service/a": a },
      steps: [
        { do: { apply: ["Service/a"] } },
        { do: {}, added: { "Service/b": a }, changed: { "Service/a": { spec: { n: 2 }, status: null } } },
        { do: {}, removed: ["Service/b"] },
      ],
    } as unknown as GoldenCase;
    const { status: _gone, ...rest } = a;
    const changed = { ...rest, spec: { n: 2 } };
    assert.deepEqual(
      recordingOf(golden).steps.map(({ objects }) => objects),
      [{ "Service/a": a }, { "Service/a": changed, "Service/b": a }, { "Service/a": changed }],
    );
  });
});
