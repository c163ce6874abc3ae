// SPDX-License-Identifier: Apache-2.0
// The arithmetic of the autoscaler: rows of our own, and every published scenario where the reference file is at hand.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { HPAScalingRules } from "@serval/api";
import { limitByPolicies, limitPlain, stabilize, stabilizePlain } from "./limits.ts";
import {
  defaultTolerance,
  type PodSample,
  type Proposal,
  replicasForAverage,
  replicasForSharedValue,
  replicasForUtilization,
  replicasForValue,
  type Tolerance,
} from "./replica-count.ts";

const pods = (...rows: [usage: number | undefined, state?: PodSample["state"]][]): PodSample[] =>
  rows.map(([usage, state = "ready"], i) => ({ name: `p${i}`, usage, request: 1_000, state }));

describe("replicas for a utilisation", () => {
  const cases: { name: string; pods: PodSample[]; current: number; target: number; want: number }[] = [
    { name: "grows with the load", pods: pods([900], [900]), current: 2, target: 50, want: 4 },
    { name: "keeps within the tolerance", pods: pods([540], [540]), current: 2, target: 50, want: 2 },
    { name: "the tolerance is inclusive", pods: pods([550], [550]), current: 2, target: 50, want: 2 },
    { name: "shrinks with the load", pods: pods([100], [100], [100]), current: 3, target: 50, want: 1 },
    {
      name: "a pod without a sample holds the others back",
      pods: pods([100], [undefined]),
      current: 2,
      target: 50,
      want: 2,
    },
    {
      name: "a pod that is not ready dampens growth",
      pods: pods([900], [0, "unready"]),
      current: 2,
      target: 50,
      want: 2,
    },
    { name: "failed pods do not count", pods: pods([900], [undefined, "ignored"]), current: 1, target: 50, want: 2 },
  ];
  for (const { name, pods, current, target, want } of cases) {
    it(name, () => {
      const { replicas } = replicasForUtilization(
        { pods, currentReplicas: current, tolerance: defaultTolerance },
        target,
      );
      assert.equal(replicas, want);
    });
  }
  it("says when no sample counts", () => {
    assert.throws(
      () =>
        replicasForUtilization({ pods: pods([900, "unready"]), currentReplicas: 1, tolerance: defaultTolerance }, 50),
      { name: "MetricError", message: "did not receive metrics for targeted pods (pods might be unready)" },
    );
  });
});

const nowMs = 1_000_000;
const at = (secondsAgo: number): number => nowMs - secondsAgo * 1_000;

describe("limits", () => {
  const up = (...policies: [string, number, number][]): HPAScalingRules => ({
    selectPolicy: "Max",
    policies: policies.map(([type, value, periodSeconds]) => ({ type, value, periodSeconds })),
  });
  const bounds = { currentReplicas: 4, minReplicas: 1, maxReplicas: 100 };
  const events = { up: [], down: [], nowMs };
  const limit = (desired: number, scaleUp: HPAScalingRules, scaleDown: HPAScalingRules = up(["Percent", 100, 15])) =>
    limitByPolicies(desired, bounds, { scaleUp, scaleDown, events });

  it("the larger of two policies, or the smaller when asked", () => {
    const rules = up(["Pods", 2, 15], ["Percent", 100, 15]);
    assert.deepEqual([limit(50, rules).replicas, limit(50, rules).reason], [8, "ScaleUpLimit"]);
    assert.equal(limit(50, { ...rules, selectPolicy: "Min" }).replicas, 6);
  });
  it("Disabled keeps what there is", () => {
    assert.equal(limit(50, { selectPolicy: "Disabled" }).replicas, 4);
    const down = limit(1, up(["Pods", 1, 15]), { selectPolicy: "Disabled" });
    assert.deepEqual([down.replicas, down.reason], [4, "ScaleDownLimit"]);
  });
  it("shrinks to the minimum at most", () => {
    const { replicas, reason } = limitByPolicies(
      0,
      { ...bounds, minReplicas: 2 },
      { scaleUp: up(), scaleDown: up(["Percent", 100, 15]), events },
    );
    assert.deepEqual([replicas, reason], [2, "TooFewReplicas"]);
  });
  it("without behavior a fall waits for five minutes", () => {
    assert.equal(stabilizePlain(1, { nowMs, recommendations: [{ replicas: 5, atMs: at(299) }] }), 5);
    assert.equal(stabilizePlain(1, { nowMs, recommendations: [{ replicas: 5, atMs: at(301) }] }), 1);
  });
});

/** The union of what the groups' rows have. */
interface ScenarioInput {
  metricType: string;
  currentReplicas: number;
  desiredReplicas: number;
  minReplicas: number;
  maxReplicas: number;
  target: number;
  value: number;
  readyPods: number;
  tolerance: Tolerance;
  pods: { usage: number | null; request: number; state: string }[];
  recommendations: { replicas: number; secondsAgo: number }[];
  scaleUpStabilizationWindowSeconds: number;
  scaleDownStabilizationWindowSeconds: number;
  scaleUp: HPAScalingRules;
  scaleDown: HPAScalingRules;
  scaleUpEvents: { change: number; secondsAgo: number }[];
  scaleDownEvents: { change: number; secondsAgo: number }[];
}

interface Scenario {
  id: string;
  group: string;
  input: ScenarioInput;
  expected: { replicas?: number; currentValue?: number; limitReason?: string; error?: unknown };
}

const scenarioFile = new URL("../../../../../../shared/reference/autoscaling-scenarios.json", import.meta.url);
const scenarios = existsSync(scenarioFile)
  ? (JSON.parse(readFileSync(scenarioFile, "utf8")) as { scenarios: Scenario[] }).scenarios
  : [];

function proposed({ input }: Scenario): Proposal {
  const { metricType, currentReplicas, target, value, readyPods, tolerance } = input;
  if (metricType === "Object/Value" || metricType === "External/Value")
    return replicasForValue({ value, target, currentReplicas, readyPods, tolerance });
  if (metricType === "Object/AverageValue" || metricType === "External/AverageValue")
    return replicasForSharedValue({ value, target, currentReplicas, tolerance });
  const countsReadiness = metricType.startsWith("Resource/");
  const samples: PodSample[] = input.pods.map((pod, i) => ({
    name: `p${i}`,
    usage: pod.usage ?? undefined,
    request: pod.request,
    state:
      pod.state === "failed" || pod.state === "deleted"
        ? "ignored"
        : pod.state === "pending" || (pod.state === "unready" && countsReadiness)
          ? "unready"
          : "ready",
  }));
  const question = { pods: samples, currentReplicas, tolerance };
  return metricType === "Resource/Utilization"
    ? replicasForUtilization(question, target)
    : replicasForAverage(question, target);
}

const checks: Readonly<Record<string, (scenario: Scenario) => void>> = {
  "hpa.replicas"(scenario) {
    const { expected } = scenario;
    if (expected.error !== undefined) {
      assert.throws(() => proposed(scenario), { name: "MetricError" });
      return;
    }
    const { replicas, current } = proposed(scenario);
    assert.deepEqual(
      { replicas, currentValue: current },
      { replicas: expected.replicas, currentValue: expected.currentValue },
    );
  },
  "hpa.normalizeNoBehavior"({ input, expected }) {
    const { replicas, reason } = limitPlain(input.desiredReplicas, input);
    assert.deepEqual({ replicas, limitReason: reason }, expected);
  },
  "hpa.stabilization"({ input, expected }) {
    const recommendations = input.recommendations.map((r) => ({
      replicas: r.replicas,
      atMs: at(r.secondsAgo),
    }));
    const { replicas } = stabilize(
      { current: input.currentReplicas, desired: input.desiredReplicas },
      { recommendations, nowMs },
      {
        upSeconds: input.scaleUpStabilizationWindowSeconds,
        downSeconds: input.scaleDownStabilizationWindowSeconds,
      },
    );
    assert.deepEqual({ replicas }, expected);
  },
  "hpa.behaviorRate"({ input, expected }) {
    const events = (rows: ScenarioInput["scaleUpEvents"]) =>
      rows.map(({ change, secondsAgo }) => ({ change, atMs: at(secondsAgo) }));
    const { replicas, reason } = limitByPolicies(input.desiredReplicas, input, {
      scaleUp: input.scaleUp,
      scaleDown: input.scaleDown,
      events: { up: events(input.scaleUpEvents), down: events(input.scaleDownEvents), nowMs },
    });
    assert.deepEqual({ replicas, limitReason: reason }, expected);
  },
};

describe("published scenarios", { skip: scenarios.length === 0 ? "the scenario file is not here" : false }, () => {
  for (const scenario of scenarios) {
    const check = checks[scenario.group];
    if (check !== undefined) it(scenario.id, () => check(scenario));
  }
});
