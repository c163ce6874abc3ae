// SPDX-License-Identifier: Apache-2.0
// Routes, scaling, several causes at once, advice, and when to look again.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { HorizontalPodAutoscaler, Reason } from "@serval/api";
import type { Evidence } from "./evidence.ts";
import { adviceOf, causesOf, nextLookMs, rootCause, scalingCause } from "./index.ts";
import * as e from "./testing/evidence.ts";
import { checkRows, type Row } from "./testing/rows.ts";

const needsGpu = [e.deployment({ containers: [e.gpuContainer] })];
const running = e.pod({
  phase: "Running",
  containerStatuses: [e.container({ running: { startedAt: "2026-01-01T00:09:00Z" } })],
});
const refused = (reason: string, message = "m", type = "Accepted"): object => ({
  type,
  status: "False",
  reason,
  message,
});
const fine = { type: "Accepted", status: "True", reason: "Accepted", message: "" };
const gateways = (object: ReturnType<typeof e.gateway> | undefined) => new Map([["kserve/front", object]]);
const classes = (object: ReturnType<typeof e.gatewayClass> | undefined) => new Map([["envoy", object]]);
const split = [
  {
    backendRefs: [
      { name: "a", weight: 90 },
      { name: "b", weight: 10 },
    ],
  },
];
const routes: readonly Row[] = [
  {
    name: "no Gateway",
    given: { routes: [e.route()], details: { gateways: gateways(undefined) } },
    reason: "GatewayMissing",
    says: /Gateway kserve\/front, which the route names, does not exist/,
  },
  {
    name: "a class that nobody serves",
    given: { routes: [e.route()], details: { gateways: gateways(e.gateway({})), gatewayClasses: classes(undefined) } },
    reason: "GatewayClassUnknown",
    says: /of GatewayClass envoy, which does not exist/,
  },
  {
    name: "a class that no controller accepted",
    given: {
      routes: [e.route()],
      details: { gateways: gateways(e.gateway({})), gatewayClasses: classes(e.gatewayClass([])) },
    },
    reason: "GatewayClassUnknown",
    says: /controller e.io\/envoy\): no controller has accepted it/,
  },
  {
    name: "a Gateway that is not programmed",
    given: {
      routes: [e.route(fine)],
      details: {
        gateways: gateways(
          e.gateway({
            conditions: [{ type: "Programmed", status: "False", reason: "AddressNotAssigned", message: "no pool" }],
          }),
        ),
      },
    },
    reason: "GatewayNotProgrammed",
    says: /Gateway kserve\/front: Programmed is False: no pool/,
  },
  {
    name: "a listener for its own namespace only",
    given: { routes: [e.route(refused("NotAllowedByListeners"))], details: { gateways: gateways(e.gateway({})) } },
    reason: "ListenerRefuses",
    says: /NotAllowedByListeners/,
    fix: /matches team/,
  },
  {
    name: "a backend that is not there",
    given: { routes: [e.route(refused("BackendNotFound", "no Service iris", "ResolvedRefs"))] },
    reason: "BackendMissing",
    says: /ResolvedRefs is False for Gateway kserve\/front \(BackendNotFound\): no Service iris/,
  },
  {
    name: "a gateway without weights",
    given: { routes: [e.route(refused("UnsupportedValue", "weights are not supported"), split)] },
    reason: "WeightsNotSupported",
    says: /weights are not supported/,
  },
  {
    name: "a gateway that says nothing",
    given: { routes: [e.route()] },
    reason: "RouteUnanswered",
    says: /no controller has answered for Gateway kserve\/front/,
  },
];

const hpa = (condition: object, metrics: object[] = []): HorizontalPodAutoscaler =>
  ({
    metadata: { name: "iris-predictor" },
    spec: { scaleTargetRef: { kind: "Deployment", name: "iris-predictor" }, maxReplicas: 3, metrics },
    status: { conditions: [condition] },
  }) as unknown as HorizontalPodAutoscaler;
const noMetrics = {
  type: "ScalingActive",
  status: "False",
  reason: "FailedGetResourceMetric",
  message: "did not receive metrics for targeted pods",
};
const serving = [e.deployment({}, { availableReplicas: 1 })];
const scaling: readonly Row[] = [
  {
    name: "no metrics for a minute",
    given: { deployments: serving, autoscalers: [hpa({ ...noMetrics, lastTransitionTime: "2026-01-01T00:08:00Z" })] },
    reason: "ScalingWithoutMetrics",
    says: /HorizontalPodAutoscaler iris-predictor does not scale \(FailedGetResourceMetric\)/,
    fix: /metrics-server/,
  },
  {
    name: "a container without a request, at once",
    given: {
      deployments: serving,
      autoscalers: [
        hpa({
          ...noMetrics,
          message: "missing request for cpu in container m of Pod p",
          lastTransitionTime: "2026-01-01T00:10:00Z",
        }),
      ],
    },
    reason: "ScalingWithoutMetrics",
    says: /missing request for cpu/,
    fix: /^Set resources.requests.cpu of the container m$/,
  },
  {
    name: "no API for a custom metric, at once",
    given: {
      deployments: serving,
      autoscalers: [
        hpa(
          {
            ...noMetrics,
            reason: "FailedGetPodsMetric",
            message: "no custom metrics API (custom.metrics.k8s.io) registered",
            lastTransitionTime: "2026-01-01T00:10:00Z",
          },
          [{ type: "Pods", pods: { metric: { name: "concurrency" } } }],
        ),
      ],
    },
    reason: "ScalingWithoutMetrics",
    says: /custom.metrics.k8s.io/,
    fix: /serves the metric concurrency/,
  },
];

checkRows("routes", routes);
checkRows("scaling", scaling);

describe("causes together", () => {
  it("are none of a service that works or merely starts", () => {
    const young = e.pod({ containerStatuses: [e.container({ running: { startedAt: "2026-01-01T00:09:50Z" } })] });
    const young2 = hpa({ ...noMetrics, lastTransitionTime: "2026-01-01T00:09:30Z" });
    assert.deepEqual(
      causesOf(e.evidence({ deployments: serving, pods: [young], routes: [e.route(fine)], autoscalers: [young2] })),
      [],
    );
  });
  it("stand deepest first, once per workload", () => {
    const pods = [
      e.crashed("panic"),
      e.waiting("ErrImagePull", "manifest unknown"),
      e.waiting("ErrImagePull", "manifest unknown"),
    ];
    const found = causesOf(e.evidence({ pods, routes: [e.route(refused("NoMatchingParent"))] }));
    assert.deepEqual(
      found.map(({ reason }) => reason),
      ["ImageNotFound", "CrashLoop", "ListenerRefuses"],
    );
    assert.equal(rootCause(e.evidence({ pods }))?.code, "SV4013");
  });
  it("read the same while the kubelet alternates between an error and its back-off", () => {
    const text = "manifest unknown";
    const read = (reason: string, message: string) =>
      causesOf(e.evidence({ pods: [e.waiting(reason, message)] }))[0]?.message;
    assert.equal(
      read("ImagePullBackOff", `Back-off pulling image "e/m:1": ErrImagePull: ${text}`),
      read("ErrImagePull", text),
    );
  });
  it("of scaling count for a service that serves, those of pods do not", () => {
    const given = e.evidence({ pods: [e.crashed("x")] });
    assert.equal(scalingCause(given), undefined);
  });
});

describe("advice", () => {
  const rows: readonly (readonly [string, Partial<Evidence>, Reason])[] = [
    ["scale to zero", { isvc: e.service({ minReplicas: 0 }) }, "ColdStart"],
    [
      "a mesh sidecar",
      { pods: [e.pod({ containerStatuses: [e.container({}, { name: "istio-proxy" })] })] },
      "SidecarOverhead",
    ],
    [
      "GPUs scaled by CPU",
      { deployments: needsGpu, autoscalers: [hpa({}, [{ type: "Resource", resource: { name: "cpu" } }])] },
      "ScalesOnCpu",
    ],
    [
      "a Gateway without address",
      { routes: [e.route(fine)], details: { gateways: gateways(e.gateway({})) } },
      "GatewayNoAddress",
    ],
  ];
  for (const [name, given, reason] of rows)
    it(name, () =>
      assert.deepEqual(
        adviceOf(e.evidence(given)).map((cause) => cause.reason),
        [reason],
      ),
    );
});

describe("the next look", () => {
  const young = e.pod({ containerStatuses: [e.container({ running: { startedAt: "2026-01-01T00:09:50Z" } })] });
  const rows: readonly (readonly [string, Partial<Evidence>, number])[] = [
    ["nothing to look for", { pods: [e.crashed("x")] }, 0],
    ["when the grace of a probe ends", { pods: [young] }, 20_000],
    ["again while a probe fails", { pods: [running] }, 5_000],
    ["again while no gateway answers", { routes: [e.route()] }, 5_000],
    [
      "when metrics had their time",
      { autoscalers: [hpa({ ...noMetrics, lastTransitionTime: "2026-01-01T00:09:30Z" })] },
      30_000,
    ],
  ];
  for (const [name, given, ms] of rows) it(name, () => assert.equal(nextLookMs(e.evidence(given)), ms));
});
