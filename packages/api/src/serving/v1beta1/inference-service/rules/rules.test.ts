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
    name: "a canary percentage out of range",
    next: service({ predictor: { model, canaryTrafficPercent: 101 } }),
    previous: undefined,
    paths: ["spec.predictor.canaryTrafficPercent"],
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

const annotated = (annotations: Record<string, string>, spec: object = { model }): InferenceService => ({
  ...predictor(spec),
  metadata: { name: "iris", namespace: "default", annotations },
});
const key = (name: string): string => `serving.kserve.io/${name}`;

describe("inferenceServiceWarnings()", () => {
  const ingress = { ingress: { enableGatewayApi: false } };
  type Case = { name: string; next: InferenceService; says: string[]; config?: typeof ingress };
  const warned: readonly Case[] = [
    { name: "nothing to say", next: predictor({}), says: [] },
    {
      name: "a canary without weights",
      next: service({ predictor: { model, canaryTrafficPercent: 10 } }),
      config: ingress,
      says: ["canaryTrafficPercent: with Ingress"],
    },
    { name: "a canary with weights", next: service({ predictor: { model }, canaryTrafficPercent: 10 }), says: [] },
    {
      name: "fields that nothing reads",
      next: predictor({ scaleMetricType: "Value", batcher: { timeout: 3 } }),
      says: ["spec.predictor.scaleMetricType", "spec.predictor.batcher.timeout"],
    },
    {
      name: "a limit that is none in Standard mode",
      next: annotated({ [key("deploymentMode")]: "Standard" }, { model, containerConcurrency: 2 }),
      says: ["spec.predictor.containerConcurrency"],
    },
    {
      name: "zero replicas with an autoscaler that keeps one",
      next: annotated({ [key("deploymentMode")]: "Standard" }, { model, minReplicas: 0 }),
      says: ["spec.predictor.minReplicas 0 counts as 1"],
    },
    {
      name: "a mode that is none",
      next: annotated({ [key("deploymentMode")]: "Raw" }),
      says: [`annotation ${key("deploymentMode")}: "Raw" is no mode`],
    },
    {
      name: "a misspelt annotation",
      next: annotated({ [key("autoscalerclas")]: "hpa" }),
      says: [`annotation ${key("autoscalerclas")} is not known: did you mean ${key("autoscalerClass")}?`],
    },
    {
      name: "an annotation of no known name",
      next: annotated({ [key("something-else-entirely")]: "1" }),
      says: [`annotation ${key("something-else-entirely")} is not known`],
    },
    {
      name: "an annotation that nothing reads",
      next: annotated({ [key("targetUtilizationPercentage")]: "70" }),
      says: [`annotation ${key("targetUtilizationPercentage")} is read by nothing`],
    },
    {
      name: "a scheme that nothing built in loads",
      next: predictor({ model: { ...model, storageUri: "ftp://a/b" } }),
      says: ['storageUri "ftp://a/b"'],
    },
  ];
  for (const { name, next, says, config } of warned) {
    it(name, () => {
      const warnings = inferenceServiceWarnings(next, config);
      assert.equal(warnings.length, says.length, warnings.join("\n"));
      says.forEach((start, index) => {
        assert.ok(warnings[index]?.startsWith(start) === true, `${warnings[index]}`);
      });
    });
  }
});
