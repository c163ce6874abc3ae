// SPDX-License-Identifier: Apache-2.0
// A pod's phase and conditions, a container's states and back-off, a probe's verdicts.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import { type Container, type Pod, quantityValue } from "@serval/api";
import {
  awaitsRestart,
  backoffText,
  type ContainerState,
  containerStatus,
  endedRun,
  failedToStart,
  newContainerState,
  nextBackoff,
  nextRestart,
  startedRun,
} from "./container-state.ts";
import { previousRun } from "./kubelet-logs.ts";
import { podPhase, podStatus, qosClass } from "./pod-status.ts";
import { askProbe, startProbe } from "./probes.ts";

const at = "2026-01-01T00:00:00Z";
const running = (restart = 0) => ({ pid: 1, groupId: 1, startTime: "1", groupStartTime: "1", startedAt: at, restart });
const end = (exitCode: number, finishedAt = at) => ({
  exitCode,
  finishedAt,
  startedAt: at,
  reason: exitCode === 0 ? "Completed" : "Error",
});

const states: Record<string, (state: ContainerState) => void> = {
  waiting: () => {},
  running: (state) => startedRun(state, running()),
  ready: (state) => {
    startedRun(state, running());
    [state.started, state.ready] = [true, true];
  },
  done: (state) => {
    startedRun(state, running());
    endedRun(state, end(0));
  },
  failed: (state) => {
    startedRun(state, running());
    endedRun(state, end(1));
  },
};
const stateOf = (name: string, kind: string): ContainerState => {
  const state = newContainerState(name);
  states[kind]?.(state);
  return state;
};
const view = (restartPolicy: string, kinds: { inits?: string[]; mains: string[]; sidecar?: string }) => {
  const inits: [string, string, string?][] = (kinds.inits ?? []).map((kind, i) => [`i${i}`, kind]);
  if (kinds.sidecar !== undefined) inits.push(["side", kinds.sidecar, "Always"]);
  const mains = kinds.mains.map((kind, i): [string, string] => [`c${i}`, kind]);
  const make = ([name, , policy]: [string, string, string?]): Container => ({
    name,
    ...(policy === undefined ? {} : { restartPolicy: policy }),
  });
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", uid: "u" },
    spec: { restartPolicy, initContainers: inits.map(make), containers: mains.map(make) },
  };
  return {
    pod,
    states: new Map([...inits, ...mains].map(([name, kind]) => [name, stateOf(name, kind)])),
    failure: undefined,
  };
};

describe("podPhase()", () => {
  const cases = [
    { want: "Pending", policy: "Always", kinds: { mains: ["waiting"] } },
    { want: "Pending", policy: "Always", kinds: { mains: ["ready", "waiting"] } },
    { want: "Running", policy: "Always", kinds: { mains: ["ready", "running"] } },
    { want: "Running", policy: "Always", kinds: { mains: ["done"] } },
    { want: "Running", policy: "OnFailure", kinds: { mains: ["failed"] } },
    { want: "Failed", policy: "Never", kinds: { mains: ["failed", "done"] } },
    { want: "Running", policy: "Never", kinds: { mains: ["failed", "running"] } },
    { want: "Succeeded", policy: "OnFailure", kinds: { mains: ["done", "done"] } },
    { want: "Pending", policy: "Always", kinds: { inits: ["failed"], mains: ["waiting"] } },
    { want: "Failed", policy: "Never", kinds: { inits: ["failed"], mains: ["waiting"] } },
    { want: "Pending", policy: "Always", kinds: { sidecar: "running", mains: ["waiting"] } },
    { want: "Succeeded", policy: "Never", kinds: { sidecar: "done", mains: ["done"] } },
    { want: "Running", policy: "Always", kinds: { sidecar: "failed", mains: ["ready"] } },
  ];
  for (const { want, policy, kinds } of cases)
    it(`is ${want} for ${policy} with ${JSON.stringify(kinds)}`, () =>
      assert.equal(podPhase(view(policy, kinds)), want));
});

describe("podStatus()", () => {
  const now = new Date("2026-01-02T00:00:00Z");
  const conditions = (kinds: { inits?: string[]; mains: string[] }, policy = "Always") =>
    Object.fromEntries(
      (podStatus({ ...view(policy, kinds), podIP: "127.0.0.9", startTime: at, now }).conditions ?? []).map((c) => [
        c.type,
        [c.status, c.reason, c.message],
      ]),
    );
  it("names what is not ready", () => {
    assert.deepEqual(conditions({ inits: ["running"], mains: ["waiting", "waiting"] }), {
      Initialized: ["False", "ContainersNotInitialized", "containers with incomplete status: [i0]"],
      Ready: ["False", "ContainersNotReady", "containers with unready status: [c0 c1]"],
      ContainersReady: ["False", "ContainersNotReady", "containers with unready status: [c0 c1]"],
      PodScheduled: ["True", undefined, undefined],
    });
    assert.deepEqual(conditions({ mains: ["ready"] })["Ready"], ["True", undefined, undefined]);
    assert.deepEqual(conditions({ mains: ["done"] }, "Never")["Ready"], ["False", "PodCompleted", undefined]);
  });

  it("keeps the time of a condition that did not change, and others' conditions", () => {
    const seen = view("Always", { mains: ["ready"] });
    const old = [
      { type: "Ready", status: "True", lastTransitionTime: at },
      { type: "mine", status: "True" },
    ];
    const status = podStatus({
      ...seen,
      pod: { ...seen.pod, status: { conditions: old } },
      podIP: undefined,
      startTime: at,
      now,
    });
    assert.equal(status.conditions?.find(({ type }) => type === "Ready")?.lastTransitionTime, at);
    assert.ok(status.conditions?.some(({ type }) => type === "mine"));
  });
});

describe("qosClass()", () => {
  const cases = [
    { resources: {}, want: "BestEffort" },
    { resources: { limits: { cpu: "1", memory: "1Gi" } }, want: "Guaranteed" },
    { resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "500m" } }, want: "Burstable" },
    { resources: { requests: { cpu: "1" } }, want: "Burstable" },
  ];
  for (const { resources, want } of cases)
    it(`is ${want} for ${JSON.stringify(resources)}`, () =>
      assert.equal(
        qosClass({
          apiVersion: "v1",
          kind: "Pod",
          metadata: { name: "p" },
          spec: { containers: [{ name: "c", resources }] },
        }),
        want,
      ));
});

describe("a container's state", () => {
  it("backs off 10 s, doubling to 5 min, and forgets after 10 min of running", () => {
    const waits: number[] = [];
    const state = { backoffMs: 0 };
    for (let i = 0; i < 7; i++) {
      state.backoffMs = nextBackoff(state, 0);
      waits.push(state.backoffMs);
    }
    assert.deepEqual(waits, [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
    assert.equal(nextBackoff(state, 600_001), 10_000);
    assert.deepEqual([10_000, 80_000, 300_000].map(backoffText), ["10s", "1m20s", "5m0s"]);
  });

  it("restarts at once the first time only", () => {
    const state = stateOf("c", "failed");
    assert.equal(state.backoffUntil, 0);
    startedRun(state, running(nextRestart(state)));
    endedRun(state, end(2));
    assert.ok(state.backoffUntil > performance.now() + 9_000);
    assert.deepEqual([state.restarts, state.lastTermination?.exitCode, state.termination?.exitCode], [1, 1, 2]);
  });

  it("counts starts that failed, and waits for what the user must change without counting", () => {
    const state = newContainerState("c");
    failedToStart(state, { message: "no such program", at: new Date(at) });
    assert.deepEqual([state.restarts, state.termination?.exitCode, state.termination?.reason], [0, 128, "StartError"]);
    failedToStart(state, { message: "no such program", at: new Date(at) });
    assert.equal(state.restarts, 1);
    const other = newContainerState("c");
    for (let i = 0; i < 9; i++) awaitsRestart(other, { reason: "CreateContainerConfigError", message: "m" });
    assert.ok(other.backoffUntil <= performance.now() + 10_000);
    assert.deepEqual([other.restarts, nextRestart(other), other.backoffMs], [0, 0, 0]);
  });

  it("reads as Kubernetes' container status", () => {
    const status = containerStatus(stateOf("c", "failed"), { name: "c", image: "i" }, "u");
    assert.deepEqual(status.state?.terminated, {
      exitCode: 1,
      reason: "Error",
      startedAt: at,
      finishedAt: at,
      containerID: "serval://u/c/0",
    });
    assert.deepEqual([status.ready, status.started, status.restartCount], [false, false, 0]);
  });

  it("knows which run --previous means", () => {
    const crashed = stateOf("c", "failed");
    assert.equal(previousRun(crashed), undefined);
    crashed.lastTermination = crashed.termination;
    crashed.phase = "waiting";
    assert.equal(previousRun(crashed), 0);
    startedRun(crashed, running(1));
    assert.equal(previousRun(crashed), 0);
  });
});

describe("a probe", () => {
  const target = {
    podIP: "127.0.0.1",
    container: { name: "c" },
    exec: (argv: readonly string[]) => ({ argv, env: { PATH: process.env["PATH"] ?? "" }, cwd: "/" }),
  };
  const questions = [
    { name: "exec true", probe: { exec: { command: ["true"] } }, want: [true, ""] },
    { name: "exec false", probe: { exec: { command: ["sh", "-c", "echo no; exit 1"] } }, want: [false, "no"] },
    {
      name: "grpc",
      probe: { grpc: { port: 1 } },
      want: [false, 'failed to connect service "127.0.0.1:1": connect ECONNREFUSED 127.0.0.1:1'],
    },
  ];
  for (const { name, probe, want } of questions)
    it(`answers ${name}`, async () => {
      const { ok, message } = await askProbe(probe, target);
      assert.deepEqual([ok, message], want);
    });

  it("says that nobody listens", async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
    );
    assert.equal((await askProbe({ tcpSocket: { port } }, target)).ok, true);
    await new Promise((resolve) => server.close(resolve));
    assert.match(
      (await askProbe({ tcpSocket: { port } }, target)).message,
      /^dial tcp 127\.0\.0\.1:\d+: connect: connection refused$/,
    );
  });

  it("gives its verdict after enough answers of one kind", async () => {
    const verdict = await new Promise<boolean>((resolve) => {
      const loop = startProbe({ exec: { command: ["false"] }, periodSeconds: 0.02, failureThreshold: 3 }, target, {
        onVerdict(ok) {
          loop.stop();
          resolve(ok);
        },
      });
    });
    assert.equal(verdict, false);
  });
});

describe("quantityValue()", () => {
  const cases = [
    ["500m", 0.5],
    ["2Gi", 2_147_483_648],
    ["1e3", 1_000],
    ["1.5G", 1_500_000_000],
    ["128Mi", 134_217_728],
  ] as const;
  for (const [text, want] of cases) it(`reads ${text}`, () => assert.equal(quantityValue(text), want));
  it("is not a number for anything else", () => assert.ok(Number.isNaN(quantityValue("lots"))));
});
