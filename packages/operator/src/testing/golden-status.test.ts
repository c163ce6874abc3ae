// SPDX-License-Identifier: Apache-2.0
// KServe's recorded statuses before and after readiness, against ours, with the cluster played as the recorder did.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type AnyObject,
  type Deployment,
  defaultInferenceService,
  type HTTPRoute,
  type InferenceService,
  type InferenceServiceStatus,
  type Pod,
  parseConfig,
  type ServingRuntime,
} from "@serval/api";
import type { Live } from "../controllers/inference-service/live.ts";
import { resolve } from "../controllers/inference-service/resolve.ts";
import { statusFrom, statusFromFailure } from "../controllers/inference-service/status.ts";
import { noFacts } from "../pod/facts.ts";
import { type GoldenCase, goldenCases, goldenConfig, goldenRuntimes, noGolden } from "./golden.ts";

const now = new Date("2026-01-01T00:00:00Z");
const accepted = {
  status: { parents: [{ conditions: [{ type: "Accepted", status: "True", reason: "Accepted", message: "" }] }] },
};

const condition = (type: string, status: string, reason: string, message: string) => ({
  type,
  status,
  reason,
  message,
});

/** What the API server's Deployment says before and after its pods are ready. */
function deployment(name: string, isReady: boolean): Deployment {
  const conditions = isReady
    ? [
        condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
        condition(
          "Progressing",
          "True",
          "NewReplicaSetAvailable",
          `ReplicaSet "${name}-<hash>" has successfully progressed.`,
        ),
      ]
    : [
        condition("Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
        condition("Progressing", "True", "ReplicaSetUpdated", `ReplicaSet "${name}-<hash>" is progressing.`),
      ];
  return { metadata: { name }, status: { conditions } } as unknown as Deployment;
}

const pod = (name: string, isReady: boolean): Pod =>
  ({
    metadata: { name, labels: { app: `isvc.${name}` } },
    status: isReady ? { phase: "Running", conditions: [{ type: "Ready", status: "True" }] } : { phase: "Pending" },
  }) as unknown as Pod;

function live(names: readonly string[], isReady: boolean): Live {
  return {
    deployment: ({ name }) => (names.includes(name) ? deployment(name, isReady) : undefined),
    service: () => undefined,
    serves: () => true,
    route: () => (isReady ? (accepted as unknown as HTTPRoute) : undefined),
    pods: names.map((name) => pod(name, isReady)),
  };
}

function statuses(
  golden: GoldenCase,
  folder: string,
): { before: InferenceServiceStatus; after: InferenceServiceStatus } {
  const { config } = parseConfig(goldenConfig(folder, golden.context.overrides));
  const inputs = golden.input ?? [];
  const input = inputs.find(({ kind }) => kind === "InferenceService") as AnyObject;
  const metadata = { ...input.metadata, namespace: "golden", uid: "u", generation: 1 };
  const isvc = defaultInferenceService({ ...input, metadata } as unknown as InferenceService, config);
  const runtimes = (kind: string): ServingRuntime[] =>
    [...goldenRuntimes(), ...inputs].filter((object) => object.kind === kind) as unknown as ServingRuntime[];
  const catalog = { namespaced: runtimes("ServingRuntime"), cluster: runtimes("ClusterServingRuntime") };
  const resolution = resolve({ isvc, config, catalog, facts: noFacts, live: live([], false) });
  if ("failure" in resolution) {
    const failed = statusFromFailure(resolution.failure, { isvc, live: live([], false), now }, "Standard");
    return { before: failed, after: failed };
  }
  const names = resolution.resolved.components.map(({ name }) => name);
  const before = statusFrom(resolution.resolved, { isvc, live: live(names, false), now });
  const next = { ...isvc, status: before };
  return { before, after: statusFrom(resolution.resolved, { isvc: next, live: live(names, true), now }) };
}

/** Ours besides KServe's, and times. `observedGeneration` is the service's own with us (weak spot 13). */
function comparable(status: object | undefined): unknown {
  const { serval: _serval, observedGeneration: _generation, ...rest } = (status ?? {}) as InferenceServiceStatus;
  const conditions = rest.conditions?.map(({ lastTransitionTime: _time, ...others }) => others);
  return JSON.parse(JSON.stringify({ ...rest, conditions }));
}

/** Cases that this test does not play: other kinds, later issues, more pods or refusals than its one-pod cluster has. */
const skipped: readonly RegExp[] = [
  /canary|graph|keda|multinode|trainedmodel|storage-(oci|spec|uris|modelscope|container)|config-oci-native/,
  /long-name|too-long|rollout-strategy|limit-below|index-quotes/,
  // A refused route, three replicas, and two that were recorded before the Deployment had conditions.
  /gw-long-timeout|autoscaler-none|runtime-version-autoselect|sa-default-s3-secret/,
];

for (const folder of ["raw-gateway", "raw-ingress"]) {
  describe(`statuses of ${folder}`, { skip: noGolden }, () => {
    for (const golden of goldenCases(folder)) {
      const [key = ""] = Object.keys(golden.status_before_ready ?? {});
      if (
        golden.input === undefined ||
        skipped.some((names) => names.test(golden.case)) ||
        !key.startsWith("InferenceService/")
      )
        continue;
      it(`${golden.case} before ready`, () => {
        assert.deepEqual(comparable(statuses(golden, folder).before), comparable(golden.status_before_ready?.[key]));
      });
      const after = golden.status_after_ready?.[key];
      if (after === undefined || golden.sequence === true) continue;
      it(`${golden.case} after ready`, () => {
        assert.deepEqual(comparable(statuses(golden, folder).after), comparable(after));
      });
    }
  });
}
