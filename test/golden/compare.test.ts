// SPDX-License-Identifier: Apache-2.0
// The comparer must report every difference: what it overlooks, nobody sees.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AnyObject } from "@serval/api";
import type { Objects, RecordedEvent, Recording, StepRecord } from "./case.ts";
import { compare } from "./compare.ts";

const service = (name: string, spec: object = { ports: [{ name: "http", port: 80 }] }): AnyObject => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "golden", labels: { app: name } },
  spec,
});
const step = (objects: Objects, more: Partial<StepRecord> = {}): StepRecord => ({
  objects,
  refusals: [],
  warnings: [],
  ...more,
});
const recording = (steps: readonly StepRecord[], events: readonly RecordedEvent[] = []): Recording => ({
  steps,
  events,
});
const one = (objects: Objects, more: Partial<StepRecord> = {}): Recording => recording([step(objects, more)]);

const isvc = (status: object, metadata: object = {}): AnyObject => ({
  apiVersion: "serving.kserve.io/v1beta1",
  kind: "InferenceService",
  metadata: { name: "a", ...metadata },
  status,
});
const container = (...names: string[]) => ({ containers: names.map((name) => ({ name, image: `img-${name}` })) });
const pod = (name: string, spec: object, annotations?: object): AnyObject =>
  ({ apiVersion: "v1", kind: "Pod", metadata: { name, ...(annotations ? { annotations } : {}) }, spec }) as AnyObject;

const refused = (message: string, code = 403) => ({
  refusals: [{ object: "A/a", code, reason: "Forbidden", message }],
});
const ready: RecordedEvent = { type: "Normal", reason: "InferenceServiceReady", message: "is Ready", object: "X/a" };

/** [what, ours, KServe's, the places reported]. */
const cases: readonly (readonly [string, Recording, Recording, readonly string[]])[] = [
  ["nothing for equal objects", one({ "Service/a": service("a") }), one({ "Service/a": service("a") }), []],
  [
    "a changed field",
    one({ "Service/a": service("a", { type: "NodePort" }) }),
    one({ "Service/a": service("a", { type: "ClusterIP" }) }),
    ["0 Service/a spec.type"],
  ],
  ["a missing object", one({}), one({ "Service/a": service("a") }), ["0 Service/a "]],
  ["an extra object", one({ "Service/a": service("a") }), one({}), ["0 Service/a "]],
  [
    "a missing and an extra field",
    one({ "Service/a": service("a", { one: 1 }) }),
    one({ "Service/a": service("a", { two: 2 }) }),
    ["0 Service/a spec.two", "0 Service/a spec.one"],
  ],
  [
    "an empty map that one side leaves out",
    one({ "Service/a": service("a", {}) }),
    one({ "Service/a": service("a", { selector: {} }) }),
    ["0 Service/a spec.selector"],
  ],
  [
    "a changed item of a named list, by its name",
    one({ "Pod/p": pod("p", { containers: [{ name: "c", image: "x" }] }) }),
    one({ "Pod/p": pod("p", { containers: [{ name: "c", image: "y" }] }) }),
    ["0 Pod/p spec.containers[c].image"],
  ],
  [
    "a wrong order of a named list",
    one({ "Pod/p": pod("p", container("a", "b")) }),
    one({ "Pod/p": pod("p", container("b", "a")) }),
    ["0 Pod/p spec.containers (order)"],
  ],
  [
    "a wrong order of a plain list",
    one({ "Pod/p": pod("p", { args: ["a", "b"] }) }),
    one({ "Pod/p": pod("p", { args: ["b", "a"] }) }),
    ["0 Pod/p spec.args[0]", "0 Pod/p spec.args[1]"],
  ],
  [
    "one item more",
    one({ "Pod/p": pod("p", container("a")) }),
    one({ "Pod/p": pod("p", container("a", "b")) }),
    ["0 Pod/p spec.containers[b]"],
  ],
  [
    "a duplicate item",
    one({ "Pod/p": pod("p", container("a", "a")) }),
    one({ "Pod/p": pod("p", container("a")) }),
    ["0 Pod/p spec.containers"],
  ],
  [
    "a number that is text",
    one({ "Service/a": service("a", { port: "80" }) }),
    one({ "Service/a": service("a", { port: 80 }) }),
    ["0 Service/a spec.port"],
  ],
  [
    "nothing for conditions in another order",
    one({ "InferenceService/a": isvc({ conditions: [{ type: "A" }, { type: "B" }] }) }),
    one({ "InferenceService/a": isvc({ conditions: [{ type: "B" }, { type: "A" }] }) }),
    [],
  ],
  [
    "a condition too many",
    one({ "InferenceService/a": isvc({ conditions: [{ type: "A" }, { type: "B" }] }) }),
    one({ "InferenceService/a": isvc({ conditions: [{ type: "A" }] }) }),
    ["0 InferenceService/a status.conditions[B]"],
  ],
  [
    "the generation of a kind of KServe's",
    one({ "InferenceService/a": isvc({}, { generation: 2 }) }),
    one({ "InferenceService/a": isvc({}, { generation: 1 }) }),
    ["0 InferenceService/a metadata.generation"],
  ],
  [
    "an annotation of the Deployment itself, also an internal one",
    one({ "Service/a": service("a") }),
    one({
      "Service/a": {
        ...service("a"),
        metadata: { ...service("a").metadata, annotations: { "internal.serving.kserve.io/x": "1" } },
      },
    }),
    ["0 Service/a metadata.annotations"],
  ],
  [
    "nothing for internal annotations of a Pod",
    one({ "Pod/p": pod("p", {}) }),
    one({ "Pod/p": pod("p", {}, { "internal.serving.kserve.io/x": "1" }) }),
    [],
  ],
  [
    "a public annotation of a Pod",
    one({ "Pod/p": pod("p", {}) }),
    one({ "Pod/p": pod("p", {}, { "prometheus.io/port": "1" }) }),
    ["0 Pod/p metadata.annotations"],
  ],
  [
    "nothing for two Pods of one Deployment in another order",
    one({ "Pod/p": pod("p", { a: 1 }), "Pod/p#2": pod("p", { a: 2 }) }),
    one({ "Pod/p": pod("p", { a: 2 }), "Pod/p#2": pod("p", { a: 1 }) }),
    [],
  ],
  [
    "the second Pod when there is only one",
    one({ "Pod/p": pod("p", { a: 1 }) }),
    one({ "Pod/p": pod("p", { a: 1 }), "Pod/p#2": pod("p", { a: 2 }) }),
    ["0 Pod/p "],
  ],
  [
    "a difference that lasts, once, at its first step",
    recording([step({}), step({ "Service/a": service("a") }), step({ "Service/a": service("a") })]),
    recording([step({}), step({}), step({})]),
    ["1 Service/a "],
  ],
  ["steps that ours did not play", recording([]), one({ "Service/a": service("a") }), ["0 Service/a "]],
  ["a refusal that ours lacks", one({}), one({}, refused("no")), ["0 A/a error"]],
  ["a refusal too many", one({}, refused("no")), one({}), ["0 A/a error"]],
  [
    "another code and text of a refusal",
    one({}, refused("No", 422)),
    one({}, refused("no")),
    ["0 A/a error.code", "0 A/a error.message"],
  ],
  ["nothing for more lines of a refusal", one({}, refused("no\n  SV1: fix")), one({}, refused("no")), []],
  ["a warning that ours lacks", one({}), one({}, { warnings: ["unknown field"] }), ["0  warnings"]],
  ["nothing for a warning more", one({}, { warnings: ["inert"] }), one({}), []],
  ["a readiness event that ours lacks", recording([]), recording([], [ready]), ["-1 X/a events"]],
  ["a readiness event too many", recording([], [ready]), recording([]), ["-1 X/a events"]],
  [
    "nothing for repeats and other events",
    recording([], [ready, ready, { ...ready, reason: "Created" }]),
    recording([], [ready]),
    [],
  ],
];

describe("compare() reports", () => {
  for (const [what, ours, theirs, places] of cases)
    it(what, () => {
      const found = compare(ours, theirs).map(({ step: at, object, field }) => `${at} ${object} ${field}`);
      assert.deepEqual(found, places);
    });
});
