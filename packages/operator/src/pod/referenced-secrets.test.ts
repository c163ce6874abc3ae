// SPDX-License-Identifier: Apache-2.0
// Only what pods depend on is ever read.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PredictorSpec, ServiceAccount } from "@serval/api";
import { referencedSecrets } from "./referenced-secrets.ts";
import { configOf, serviceOf } from "./testing/pod-context.ts";

const accounts: Readonly<Record<string, readonly string[]>> = {
  default: ["a", "b"],
  own: ["c"],
  "logger-sa": ["l"],
};
const accountOf = (name: string): ServiceAccount | undefined => {
  const listed = accounts[name];
  return listed === undefined
    ? undefined
    : { apiVersion: "v1", kind: "ServiceAccount", metadata: { name }, secrets: listed.map((each) => ({ name: each })) };
};

const model = (fields: object, more: object = {}): PredictorSpec => ({
  model: { modelFormat: { name: "sklearn" }, ...fields },
  ...more,
});
const secretNote = { "serving.kserve.io/storageSecretName": "named" };
const storage = { path: "x", key: "k" };
const store = { path: "s3://l", parameters: {}, key: "k" };

describe("secrets that a service refers to", () => {
  const table: readonly (readonly [string, PredictorSpec, Record<string, string>, string[]])[] = [
    ["a download", model({ storageUri: "s3://b" }), {}, ["a", "b"]],
    ["a download as another account", model({ storageUri: "s3://b" }, { serviceAccountName: "own" }), {}, ["c"]],
    ["as an account that is not there", model({ storageUri: "s3://b" }, { serviceAccountName: "no" }), {}, []],
    ["a claim", model({ storageUri: "pvc://c" }), {}, []],
    ["an image", model({ storageUri: "oci://r/m" }), {}, []],
    ["a claim behind a batcher", model({ storageUri: "pvc://c" }, { batcher: {} }), {}, ["a", "b"]],
    ["several models", model({}, { storageUris: [{ uri: "pvc://c" }, { uri: "hf://o/m" }] }), {}, ["a", "b"]],
    ["an annotated secret", model({ storageUri: "s3://b" }), secretNote, ["named"]],
    ["a storage spec", model({ storage }), {}, ["storage-config", "a", "b"]],
    ["a storage spec with its own secret", model({ storage }), secretNote, ["named"]],
    [
      "a logger that stores",
      model({ storageUri: "pvc://c" }, { logger: { mode: "all", storage: store } }),
      {},
      ["a", "b", "l"],
    ],
  ];
  const config = configOf({ storageInitializer: { enableModelcar: true } });
  for (const [name, predictor, annotations, expected] of table)
    it(`${name}: ${expected.join(", ") || "none"}`, () =>
      assert.deepEqual(referencedSecrets(serviceOf(predictor, { annotations }), config, accountOf), expected));
  it("are those of canaries too", () => {
    const isvc = serviceOf(model({ storageUri: "pvc://c" }));
    const canary = [{ predictor: model({ storageUri: "s3://b" }, { serviceAccountName: "own" }), trafficPercent: 10 }];
    assert.deepEqual(referencedSecrets({ ...isvc, spec: { ...isvc.spec, canary } }, config, accountOf), ["c"]);
  });
});
