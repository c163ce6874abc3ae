// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AnyObject } from "@serval/api";
import { aroundStoredPods } from "./runtime-renewal.ts";

const runtime = (spec: object): AnyObject => ({
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "ClusterServingRuntime",
  metadata: { name: "serval-onnx" },
  spec: spec as never,
});
const container = (tag: string) => ({ name: "kserve-container", image: `serval/serval-model-server:${tag}` });

describe("aroundStoredPods()", () => {
  const wanted = runtime({
    supportedModelFormats: [{ name: "onnx", version: "2" }],
    annotations: { a: "new" },
    volumes: [{ name: "new" }],
    containers: [container("v2")],
  });

  it("is the release's own where there is none", () => assert.equal(aroundStoredPods(wanted, undefined), wanted));

  it("renews which models it takes, and nothing that pods are made of", () => {
    const stored = runtime({
      supportedModelFormats: [{ name: "onnx", version: "1" }],
      protocolVersions: ["v1"],
      annotations: { a: "old" },
      containers: [container("v1")],
    });
    assert.deepEqual(aroundStoredPods(wanted, stored)["spec"], {
      supportedModelFormats: [{ name: "onnx", version: "2" }],
      annotations: { a: "old" },
      containers: [container("v1")],
    });
  });
});
