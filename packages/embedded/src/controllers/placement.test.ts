// SPDX-License-Identifier: Apache-2.0
// Which pods answer, which fit, which go first.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Pod, Service } from "@serval/api";
import { endpointSliceFor, selects } from "./endpoint-slice.ts";
import { byDeletionOrder, isAvailable } from "./pod-readiness.ts";
import { whyUnschedulable } from "./scheduler.ts";

const pod = (name: string, { ready, ...more }: { ready?: string; [key: string]: unknown } = {}): Pod =>
  ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "default",
      labels: { app: "x" },
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...(more["metadata"] as object),
    },
    spec: {
      nodeName: "serval",
      containers: [{ name: "c", ports: [{ name: "http1", containerPort: 8080 }] }],
      ...(more["spec"] as object),
    },
    status: {
      phase: "Running",
      podIP: `127.0.0.${name.length}`,
      ...(ready === undefined ? {} : { conditions: [{ type: "Ready", status: "True", lastTransitionTime: ready }] }),
      ...(more["status"] as object),
    },
  }) as unknown as Pod;

const service = (spec: object): Service =>
  ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "s", namespace: "default", uid: "u" },
    spec: { selector: { app: "x" }, ...spec },
  }) as Service;

describe("endpointSliceFor()", () => {
  const at = "2026-01-01T00:00:00Z";
  const ending = { metadata: { deletionTimestamp: at } };
  const cases = [
    { name: "a ready pod", pods: [pod("a", { ready: at })], spec: {}, want: [[true, true, false]] },
    { name: "an unready pod", pods: [pod("a")], spec: {}, want: [[false, false, false]] },
    {
      name: "an unready pod of an early Service",
      pods: [pod("a")],
      spec: { publishNotReadyAddresses: true },
      want: [[true, true, false]],
    },
    { name: "a pod on its way out", pods: [pod("a", { ready: at, ...ending })], spec: {}, want: [[false, true, true]] },
    {
      name: "no pod that has ended or has no address",
      pods: [pod("a", { status: { phase: "Failed" } }), pod("b", { status: { podIP: undefined } })],
      spec: {},
      want: [],
    },
  ];
  for (const { name, pods, spec, want } of cases) {
    it(`lists ${name}`, () => {
      const { endpoints } = endpointSliceFor(service(spec), pods);
      assert.deepEqual(
        endpoints?.map(({ conditions: c }) => [c?.ready, c?.serving, c?.terminating]),
        want,
      );
    });
  }

  it("finds ports by name, and leaves out those that no pod has", () => {
    const ports = [
      { name: "http", port: 80, targetPort: "http1" },
      { name: "same", port: 9000 },
      { name: "gone", port: 81, targetPort: "nope" },
    ];
    const slice = endpointSliceFor(service({ ports }), [pod("a", { ready: at })]);
    assert.deepEqual(
      slice.ports?.map(({ name, port }) => [name, port]),
      [
        ["http", 8080],
        ["same", 9000],
      ],
    );
  });

  it("belongs to no pod of a Service without a selector", () => {
    assert.equal(selects(service({ selector: {} }), pod("a")), false);
    assert.equal(selects(service({ selector: { app: "x", more: "y" } }), pod("a")), false);
  });
});

describe("byDeletionOrder()", () => {
  it("takes the least useful first, as kube-controller-manager does", () => {
    const early = "2026-01-01T00:00:00Z";
    const late = "2026-01-02T00:00:00Z";
    const wanted = [
      pod("unscheduled", { spec: { nodeName: undefined }, status: { phase: "Pending" } }),
      pod("pending", { status: { phase: "Pending" } }),
      pod("unready"),
      pod("ready-since-late", { ready: late }),
      pod("young", { ready: early, metadata: { creationTimestamp: late } }),
      pod("old", { ready: early }),
    ];
    const sorted = [...wanted].reverse().sort(byDeletionOrder);
    assert.deepEqual(
      sorted.map(({ metadata }) => metadata.name),
      wanted.map(({ metadata }) => metadata.name),
    );
  });
});

describe("isAvailable()", () => {
  it("waits for minReadySeconds", () => {
    const since = pod("a", { ready: "2026-01-01T00:00:00Z" });
    const ready = Date.parse("2026-01-01T00:00:00Z");
    assert.deepEqual(
      [isAvailable(since, 10, ready + 9_000), isAvailable(since, 10, ready + 10_000), isAvailable(pod("b"), 0, ready)],
      [false, true, false],
    );
  });
});

describe("whyUnschedulable()", () => {
  const offer = { labels: { "kubernetes.io/os": "linux" }, extended: { "example.com/chip": 1 } };
  const affinity = (...terms: object[]) => {
    const nodeSelectorTerms = terms.map((term) => ({ matchExpressions: [term] }));
    return {
      spec: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } },
    };
  };
  const wants = (resources: object) => ({ spec: { containers: [{ name: "c", resources }] } });
  const cases = [
    {
      name: "takes cpu and memory without counting",
      pod: pod("a", wants({ limits: { cpu: "999", memory: "9Ti" } })),
      want: undefined,
    },
    {
      name: "gives out what the node has",
      pod: pod("a", wants({ limits: { "example.com/chip": "1" } })),
      want: undefined,
    },
    {
      name: "names what it lacks",
      pod: pod("a", wants({ limits: { "nvidia.com/gpu": "1" } })),
      want: /^0\/1 nodes are available: 1 Insufficient nvidia\.com\/gpu\. .*cluster that has it/,
    },
    {
      name: "keeps to the node selector",
      pod: pod("a", { spec: { nodeSelector: { disk: "ssd" } } }),
      want: /didn't match Pod's node affinity\/selector/,
    },
    {
      name: "counts what an init container needs",
      pod: pod("a", { spec: { initContainers: [{ name: "i", resources: { limits: { "example.com/chip": "2" } } }] } }),
      want: /1 Insufficient example\.com\/chip/,
    },
    {
      name: "keeps to the node affinity",
      pod: pod("a", affinity({ key: "kubernetes.io/os", operator: "In", values: ["windows"] })),
      want: /didn't match Pod's node affinity\/selector/,
    },
    {
      name: "any term of the node affinity will do",
      pod: pod(
        "a",
        affinity(
          { key: "gpu", operator: "Exists" },
          { key: "kubernetes.io/os", operator: "NotIn", values: ["windows"] },
        ),
      ),
      want: undefined,
    },
  ];
  for (const { name, pod: wanted, want } of cases) {
    it(name, () => {
      assert.match(whyUnschedulable(wanted, offer) ?? "fits", want ?? /^fits$/);
    });
  }
});
