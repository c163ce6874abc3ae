// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Deployment, InferenceServiceStatus, Pod } from "@serval/api";
import { settlingAge, settlingMs } from "./settling.ts";

const status = (...conditions: [type: string, status: string, reason?: string][]): InferenceServiceStatus => ({
  conditions: conditions.map(([type, truth, reason]) => ({ type, status: truth, ...(reason && { reason }) })),
});
const pod = (ready: "True" | "False"): Pod =>
  ({ metadata: { name: "p" }, status: { conditions: [{ type: "Ready", status: ready }] } }) as Pod;

const deployment = (generation: number, observedGeneration?: number): Deployment =>
  ({ metadata: { name: "d", generation }, status: { observedGeneration } }) as Deployment;

const seen = deployment(2, 2);
const starting = status(["Ready", "False"], ["PredictorReady", "False"], ["IngressReady", "False"]);
const routed = status(["PredictorReady", "True"], ["IngressReady", "False", "ParentStatusNotAvailable"]);
interface Case {
  readonly name: string;
  readonly now: InferenceServiceStatus;
  readonly pods: readonly Pod[];
  readonly made?: Deployment;
  readonly ageMs: number;
  readonly want: number;
}
const cases: readonly Case[] = [
  { name: "children just written", now: starting, pods: [], ageMs: 50, want: 200 },
  { name: "children that said nothing in time", now: starting, pods: [], ageMs: 250, want: 0 },
  { name: "a Deployment not looked at yet", now: starting, pods: [], made: deployment(1), ageMs: 300, want: 1_700 },
  { name: "an edit not looked at yet", now: starting, pods: [], made: deployment(2, 1), ageMs: 300, want: 1_700 },
  { name: "a Deployment that nobody looks at", now: starting, pods: [], made: deployment(1), ageMs: 2_000, want: 0 },
  { name: "a pod that is not ready is news", now: starting, pods: [pod("False")], ageMs: 300, want: 0 },
  { name: "ready pods before their Deployment", now: starting, pods: [pod("True")], ageMs: 300, want: 1_700 },
  { name: "a Deployment that never counts them", now: starting, pods: [pod("True")], ageMs: 2_000, want: 0 },
  { name: "routes without a gateway's word", now: routed, pods: [pod("True")], ageMs: 400, want: 1_600 },
  { name: "no gateway at all", now: routed, pods: [pod("True")], ageMs: 2_000, want: 0 },
  { name: "ready never waits", now: status(["Ready", "True"]), pods: [], ageMs: 0, want: 0 },
];

describe("how long a status waits", () => {
  for (const { name, now, pods, made = seen, ageMs, want } of cases)
    it(name, () => assert.equal(settlingMs(now, { pods, deployments: [made] }, ageMs), want));
});

describe("how long a change is in progress", () => {
  const hour = 3_600_000;
  it("goes on after the clock went back an hour", () => {
    const settling = new Map([["a", 10 * hour]]);
    assert.equal(settlingAge(settling, "a", 9 * hour), 0);
    assert.equal(settlingAge(settling, "a", 9 * hour + 300), 300);
    assert.equal(settlingAge(settling, "b", 9 * hour), undefined);
  });
});
