// SPDX-License-Identifier: Apache-2.0
// What KServe's recorded cases do not show: updates, and rules of our own. Its own texts: operator/src/webhooks.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defaultConfig } from "@serval/api/config/parse.ts";
import { defaultInferenceService } from "../defaults.ts";
import type { InferenceService } from "../schema.ts";
import { inferenceServiceFindings, inferenceServiceWarnings } from "./index.ts";

const model = { modelFormat: { name: "sklearn" }, storageUri: "s3://m" };
const service = (spec: object, more: object = {}): InferenceService =>
  defaultInferenceService(
    {
      apiVersion: "serving.kserve.io/v1beta1",
      kind: "InferenceService",
      metadata: { name: "m" },
      spec,
      ...more,
    } as InferenceService,
    defaultConfig(),
  );
const predictor = (more: object) => service({ predictor: { model, ...more } });
const invalid = predictor({ minReplicas: 3, maxReplicas: 2 });

const cases = [
  { name: "a valid service", next: predictor({}), previous: undefined, paths: [] },
  { name: "bounds that cross", next: invalid, previous: undefined, paths: ["spec.predictor.minReplicas"] },
  { name: "an unchanged invalid field on update", next: invalid, previous: invalid, paths: [] },
  {
    name: "a newly invalid field on update",
    next: invalid,
    previous: predictor({}),
    paths: ["spec.predictor.minReplicas"],
  },
  { name: "no predictor", next: service({}), previous: undefined, paths: ["spec.predictor"] },
  { name: "an empty predictor", next: service({ predictor: {} }), previous: undefined, paths: ["spec.predictor"] },
  {
    name: "two canary percentages that agree",
    next: service({ predictor: { model, canaryTrafficPercent: 10 }, canaryTrafficPercent: 10 }),
    previous: undefined,
    paths: [],
  },
  {
    name: "two canary percentages that disagree",
    next: service({ predictor: { model, canaryTrafficPercent: 10 }, canaryTrafficPercent: 20 }),
    previous: undefined,
    paths: ["spec.canaryTrafficPercent"],
  },
  {
    name: "a renamed predictor with the same model",
    next: predictor({ name: "b" }),
    previous: predictor({ name: "a" }),
    paths: ["spec.predictor.name"],
  },
  {
    name: "every finding at once",
    next: predictor({ minReplicas: 3, maxReplicas: 2, containerConcurrency: -1 }),
    previous: undefined,
    paths: ["spec.predictor.containerConcurrency", "spec.predictor.minReplicas"],
  },
] as const;

describe("inferenceServiceFindings()", () => {
  for (const { name, next, previous, paths } of cases)
    it(`finds ${paths.length === 0 ? "nothing in" : "the fault of"} ${name}`, () =>
      assert.deepEqual(
        inferenceServiceFindings(next, previous).map(({ path }) => path),
        paths,
      ));
});

describe("inferenceServiceWarnings()", () => {
  const cases = [
    { name: "nothing to say", next: predictor({}), warnings: 0 },
    { name: "a canary percentage", next: service({ predictor: { model, canaryTrafficPercent: 10 } }), warnings: 1 },
    { name: "the seed's spelling", next: service({ predictor: { model }, canaryTrafficPercent: 10 }), warnings: 1 },
  ];
  for (const { name, next, warnings } of cases) {
    it(name, () => assert.equal(inferenceServiceWarnings(next).length, warnings));
  }
});
