// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Deployment, DeploymentStatus, PodTemplateSpec, ReplicaSet } from "@serval/api";
import { templateHash } from "./deployment.ts";
import { deploymentStatus } from "./deployment-status.ts";
import { nextScales, resolveShare, rolloutLimits } from "./rollout.ts";

const deployment = (spec: object = {}, status: DeploymentStatus = {}, generation = 1): Deployment =>
  ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "d", namespace: "default", generation },
    spec: { replicas: 10, selector: {}, template: {}, ...spec },
    status,
  }) as Deployment;

const set = (name: string, wanted: number, available = wanted, replicas = wanted): ReplicaSet =>
  ({
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name },
    spec: { replicas: wanted, selector: {} },
    status: { replicas, readyReplicas: available, availableReplicas: available },
  }) as ReplicaSet;

const rolling = (maxSurge?: number | string, maxUnavailable?: number | string) => ({
  strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge, maxUnavailable } },
});

describe("resolveShare()", () => {
  const cases = [
    { share: "25%", total: 10, round: "up", want: 3 },
    { share: "25%", total: 10, round: "down", want: 2 },
    { share: "25%", total: 1, round: "up", want: 1 },
    { share: "25%", total: 1, round: "down", want: 0 },
    { share: 4, total: 10, round: "up", want: 4 },
    { share: undefined, total: 8, round: "up", want: 2 },
  ] as const;
  for (const { share, total, round, want } of cases)
    it(`makes ${want} of ${share} of ${total}, rounded ${round}`, () =>
      assert.equal(resolveShare(share, total, round), want));
});

describe("rolloutLimits()", () => {
  const cases = [
    { name: "defaults to a quarter each", spec: {}, want: { maxSurge: 3, maxUnavailable: 2 } },
    { name: "never lets both be zero", spec: rolling(0, "5%"), want: { maxSurge: 0, maxUnavailable: 1 } },
    {
      name: "takes everything away for Recreate",
      spec: { strategy: { type: "Recreate" } },
      want: { maxSurge: 0, maxUnavailable: 10 },
    },
  ];
  for (const { name, spec, want } of cases) it(name, () => assert.deepEqual(rolloutLimits(deployment(spec)), want));
});

// The cases of kubernetes/pkg/controller/deployment/rolling_test.go, in one step: new set and old sets together.
describe("nextScales()", () => {
  const cases = [
    {
      name: "starts with the surge",
      spec: rolling(3, 0),
      fresh: set("new", 0),
      old: [set("old", 10)],
      want: { new: 3 },
    },
    {
      name: "takes old ones away as far as availability allows",
      spec: rolling(0, 2),
      fresh: set("new", 0),
      old: [set("old", 10)],
      want: { old: 8 },
    },
    {
      name: "waits while the new ones are not available",
      spec: rolling(3, 0),
      fresh: set("new", 3, 0),
      old: [set("old", 10)],
      want: {},
    },
    {
      name: "goes on when they are",
      spec: rolling(3, 0),
      fresh: set("new", 3),
      old: [set("old", 10)],
      want: { old: 7 },
    },
    {
      name: "removes unhealthy old pods at once",
      spec: rolling(0, 2),
      fresh: set("new", 0),
      old: [set("old", 10, 8)],
      want: { old: 8 },
    },
    {
      name: "leaves even unhealthy old pods when there are none to spare",
      spec: rolling(2, 0),
      fresh: set("new", 2, 0),
      old: [set("old", 10, 0)],
      want: {},
    },
    { name: "finishes", spec: rolling(3, 2), fresh: set("new", 10), old: [set("old", 3)], want: { old: 0 } },
    { name: "shrinks with the Deployment", spec: { replicas: 4 }, fresh: set("new", 10), old: [], want: { new: 4 } },
    {
      name: "replaces a single pod by surge",
      spec: { replicas: 1 },
      fresh: set("new", 0),
      old: [set("old", 1)],
      want: { new: 1 },
    },
    {
      name: "keeps the single old one until the new is there",
      spec: { replicas: 1 },
      fresh: set("new", 1, 0),
      old: [set("old", 1)],
      want: {},
    },
    {
      name: "Recreate takes the old away first",
      spec: { strategy: { type: "Recreate" } },
      fresh: set("new", 0),
      old: [set("old", 10)],
      want: { old: 0 },
    },
    {
      name: "Recreate waits for pods that still end",
      spec: { strategy: { type: "Recreate" } },
      fresh: set("new", 0),
      old: [set("old", 0, 0, 2)],
      want: {},
    },
    {
      name: "Recreate then makes all new ones",
      spec: { strategy: { type: "Recreate" } },
      fresh: set("new", 0),
      old: [set("old", 0)],
      want: { new: 10 },
    },
  ];
  for (const { name, spec, fresh, old, want } of cases) {
    it(name, () => {
      const scales = Object.fromEntries(nextScales(deployment(spec), fresh, old));
      const unchanged = Object.fromEntries([fresh, ...old].map((s) => [s.metadata.name, s.spec?.replicas]));
      assert.deepEqual({ ...unchanged, ...scales }, { ...unchanged, ...want });
    });
  }
});

describe("templateHash()", () => {
  it("knows a template whatever the order of its keys, and a collision apart", () => {
    const a = { metadata: { labels: { a: "1", b: "2" } }, spec: { containers: [] } } as unknown as PodTemplateSpec;
    const b = {
      spec: { containers: [] },
      metadata: { labels: { b: "2", "pod-template-hash": "x", a: "1" } },
    } as unknown as PodTemplateSpec;
    assert.equal(templateHash(a, 0), templateHash(b, 0));
    assert.notEqual(templateHash(a, 0), templateHash(a, 1));
    assert.match(templateHash(a, 0), /^[bcdfghjklmnpqrstvwxz2456789]{10}$/);
  });
});

describe("deploymentStatus()", () => {
  const at = new Date("2026-01-01T01:00:00Z");
  const progress = (reason: string, name: string, lastUpdateTime = "2026-01-01T00:59:00Z") => ({
    type: "Progressing",
    status: "True",
    reason,
    message: `ReplicaSet "${name}"`,
    lastUpdateTime,
    lastTransitionTime: lastUpdateTime,
  });
  const seen = (conditions: object[], counts: DeploymentStatus = {}) =>
    ({ observedGeneration: 1, ...counts, conditions }) as DeploymentStatus;
  const cases = [
    { name: "a first set", status: {}, sets: [set("a", 2, 0)], want: ["False", "True", "NewReplicaSetCreated", 2] },
    { name: "all there", status: {}, sets: [set("a", 2)], want: ["True", "True", "NewReplicaSetAvailable", undefined] },
    {
      name: "progress",
      status: seen([progress("NewReplicaSetCreated", "a")]),
      sets: [set("a", 2, 1)],
      want: ["False", "True", "ReplicaSetUpdated", 1],
    },
    {
      name: "a failure after the rollout",
      status: seen([progress("NewReplicaSetAvailable", "a")], {
        availableReplicas: 2,
        readyReplicas: 2,
        replicas: 2,
        updatedReplicas: 2,
      }),
      sets: [set("a", 2, 1)],
      want: ["False", "True", "NewReplicaSetAvailable", 1],
    },
    {
      name: "no progress within the deadline",
      status: seen([progress("ReplicaSetUpdated", "a", "2026-01-01T00:00:00Z")], { replicas: 2, updatedReplicas: 2 }),
      sets: [set("a", 2, 0)],
      want: ["False", "False", "ProgressDeadlineExceeded", 2],
    },
    {
      name: "old pods beside new ones",
      status: seen([progress("ReplicaSetUpdated", "a")], { replicas: 3, updatedReplicas: 1 }),
      sets: [set("a", 1, 0), set("b", 2)],
      want: ["True", "True", "ReplicaSetUpdated", 1],
    },
  ];
  for (const { name, status, sets, want } of cases) {
    it(`tells ${name}`, () => {
      const told = deploymentStatus(deployment({ replicas: 2 }, status), sets[0] as ReplicaSet, sets, at);
      const find = (type: string) => told.conditions?.find((c) => c.type === type);
      assert.deepEqual(
        [find("Available")?.status, find("Progressing")?.status, find("Progressing")?.reason, told.unavailableReplicas],
        want,
      );
    });
  }
});
