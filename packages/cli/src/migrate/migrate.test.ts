// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Deployment, Lease } from "@serval/api";
import type { ServiceForecast } from "@serval/operator/adoption/forecast.ts";
import { type Holder, holderOf } from "./lease.ts";
import { type Manager, managerOf, versionOf } from "./managers.ts";
import { blockersOf, type Plan } from "./plan.ts";
import { planLines } from "./print.ts";
import { unfinished } from "./take-over.ts";

const deployment = (name: string, image: string, more: object = {}): Deployment =>
  ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "kserve", ...more },
    spec: {
      replicas: 2,
      selector: { matchLabels: { a: "b", c: "d" } },
      template: {
        spec: {
          containers: [
            { name: "proxy", image: "p:v9" },
            { name: "manager", image, args: ["--leader-elect"] },
          ],
        },
      },
    },
    status: { readyReplicas: 1 },
  }) as Deployment;

describe("KServe's version", () => {
  const rows: readonly [string, object, string | undefined][] = [
    ["kserve/kserve-controller:v0.14.1", {}, "v0.14.1"],
    ["registry:5000/kserve/kserve-controller:v0.20.0@sha256:abc", {}, "v0.20.0"],
    ["kserve/kserve-controller:latest", { labels: { "app.kubernetes.io/version": "v0.20.0" } }, "v0.20.0"],
    ["kserve/kserve-controller@sha256:abc", { labels: { "helm.sh/chart": "kserve-v0.19.0" } }, "kserve-v0.19.0"],
    ["registry:5000/kserve-controller", {}, undefined],
  ];
  for (const [image, more, expected] of rows)
    it(`of ${image}`, () => assert.equal(versionOf(deployment("kserve-controller-manager", image, more)), expected));
});

describe("a controller of KServe", () => {
  it("is told by its name", () => {
    assert.deepEqual(managerOf(deployment("kserve-controller-manager", "kserve-controller:v0.20.0")), {
      role: "serving",
      namespace: "kserve",
      name: "kserve-controller-manager",
      version: "v0.20.0",
      replicas: 2,
      ready: 1,
      selector: "a=b,c=d",
      electsLeader: true,
    });
    assert.equal(managerOf(deployment("llmisvc-controller-manager", "x:v1"))?.role, "llm");
    assert.equal(managerOf(deployment("somebody", "x:v1")), undefined);
  });
});

describe("who holds the lease", () => {
  const now = new Date("2026-01-01T00:01:00Z");
  const held = (holderIdentity: string, renewTime = "2026-01-01T00:00:50.000000Z"): Lease =>
    ({ spec: { holderIdentity, renewTime, leaseDurationSeconds: 15 } }) as Lease;
  const rows: readonly [string, Lease | undefined, Holder][] = [
    ["none", undefined, "nobody"],
    ["given up", held(""), "nobody"],
    ["expired", held("kserve-controller-manager-1", "2026-01-01T00:00:44.000000Z"), "nobody"],
    ["KServe's", held("kserve-controller-manager-1"), "other"],
    ["Serval's", held("serval-operator-1_2"), "serval"],
    ["this command's", held("serval-migrate_2"), "migration"],
  ];
  for (const [name, lease, expected] of rows) it(name, () => assert.equal(holderOf(lease, now), expected));
});

const service = (name: string, more: Partial<ServiceForecast> = {}): ServiceForecast => ({
  service: name,
  mode: "Standard",
  isReady: true,
  objects: [],
  ...more,
});
const manager = managerOf(deployment("kserve-controller-manager", "kserve-controller:v0.20.0")) as Manager;
const plan: Plan = {
  managers: [manager],
  serval: "stands by",
  isBegun: false,
  services: [service("a/b")],
  rows: [{ object: "Service a/b", change: "none", pods: 0 }],
  blockers: [],
  notes: [],
};

describe("what stands in the way", () => {
  const rows: readonly [string, Partial<Plan>, RegExp | undefined][] = [
    ["nothing", {}, undefined],
    ["no Serval", { serval: "not installed" }, /Serval is not installed/],
    ["a Serval that is not ready", { serval: "not ready" }, /no ready replica/],
    [
      "Knative services",
      { services: [service("a/b", { mode: "Knative" })] },
      /1 service\(s\) run in a mode.*a\/b \(Knative\)/,
    ],
    ["a KServe elsewhere", { managers: [{ ...manager, namespace: "kubeflow" }] }, /namespace kubeflow/],
    ["two that do not elect", { managers: [{ ...manager, electsLeader: false }] }, /without --leader-elect/],
  ];
  for (const [name, more, expected] of rows)
    it(name, () => {
      const [first] = blockersOf({ ...plan, ...more });
      if (expected === undefined) assert.equal(first, undefined);
      else assert.match(first ?? "", expected);
    });
});

describe("what is not finished", () => {
  const object = { object: "Service a/b", effect: "owner", fields: [], isKserves: true } as const;
  const rows: readonly [string, ServiceForecast, RegExp | undefined][] = [
    ["nothing", service("a/b"), undefined],
    [
      "an object that is KServe's still",
      service("a/b", { objects: [object] }),
      /Service a\/b of a\/b is not taken over/,
    ],
    ["a service that was Ready", service("a/b", { isReady: false }), /a\/b was Ready and is not/],
    ["nothing of one that never was", service("c/d", { isReady: false, objects: [object] }), undefined],
  ];
  for (const [name, forecast, expected] of rows)
    it(name, () => {
      const text = unfinished([forecast], { ready: ["a/b"] });
      if (expected === undefined) assert.equal(text, undefined);
      else assert.match(text ?? "", expected);
    });
});

describe("a plan on paper", () => {
  const paper = { width: 100, hasColour: false };
  it("ends with the count and the next command", () => {
    const lines = planLines(plan, paper);
    assert.deepEqual(lines.slice(-2), [
      "1 service(s), 1 Ready; 1 objects; 0 pod(s) replaced.",
      "Nothing was changed. Take over with: serval migrate kserve --apply",
    ]);
    assert.ok(lines.includes("  kserve/kserve-controller-manager  v0.20.0  1 of 2 ready"));
  });
  it("says that there is no KServe", () =>
    assert.deepEqual(planLines({ ...plan, managers: [] }, paper), [
      "No KServe runs in this cluster. Serval: stands by.",
    ]));
  it("shows what stands in the way", () => {
    const lines = planLines({ ...plan, blockers: ["Serval is not installed"] }, paper);
    assert.ok(lines.includes("  ✗ Serval is not installed"));
    assert.equal(lines.at(-1), "Cannot be applied as it is (above).");
  });
});
