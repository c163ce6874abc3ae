// SPDX-License-Identifier: Apache-2.0
// Evidence for tests: a service with one Deployment and one pod, and the statuses that a kubelet would write.
import type {
  Container,
  ContainerStatus,
  Deployment,
  Event,
  Gateway,
  GatewayClass,
  HTTPRoute,
  InferenceService,
  Node,
  Pod,
} from "@serval/api";
import type { Evidence } from "../evidence.ts";

export const now = new Date("2026-01-01T00:10:00Z");
const long = "2026-01-01T00:00:00Z";
const app = { app: "isvc.iris-predictor" };

export const service = (predictor: object = {}): InferenceService =>
  ({
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: { name: "iris", namespace: "team" },
    spec: { predictor: { model: { modelFormat: { name: "sklearn" }, storageUri: "s3://bucket/iris" }, ...predictor } },
  }) as InferenceService;

export const deployment = (pod: object = {}, status: object = {}): Deployment =>
  ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "iris-predictor", namespace: "team" },
    spec: { selector: { matchLabels: app }, template: { metadata: { labels: app }, spec: { containers: [], ...pod } } },
    status,
  }) as unknown as Deployment;

export const pod = (status: object, name = "iris-1"): Pod =>
  ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "team", uid: name, labels: app, creationTimestamp: long },
    status,
  }) as Pod;

export const unscheduled = (message: string): Pod =>
  pod({ phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }] });

export const container = (state: object, more: object = {}): ContainerStatus =>
  ({
    name: "kserve-container",
    image: "e/m:1",
    imageID: "",
    ready: false,
    restartCount: 0,
    state,
    ...more,
  }) as ContainerStatus;

export const waiting = (reason: string, message = ""): Pod =>
  pod({ phase: "Pending", containerStatuses: [container({ waiting: { reason, message } })] });

export const ended = (exitCode: number, more: object = {}): object => ({
  terminated: { exitCode, reason: "Error", finishedAt: long, startedAt: long, ...more },
});

export const crashed = (message: string, exitCode = 1): Pod =>
  pod({ containerStatuses: [container(ended(exitCode, { message }), { restartCount: 2 })] });

export const failedInit = (message: string, more: object = {}): Pod =>
  pod({ initContainerStatuses: [container(ended(1, { message, ...more }), { name: "storage-initializer" })] });

export const gpuContainer: Container = {
  name: "kserve-container",
  resources: { limits: { "nvidia.com/gpu": "2" } },
} as Container;

export const node = (allocatable: Record<string, string>, taints?: object[]): Node =>
  ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "n" },
    spec: taints === undefined ? {} : { taints },
    status: { allocatable },
  }) as Node;

export const event = (reason: string, message: string): Event =>
  ({ reason, message, involvedObject: { kind: "Pod", name: "iris-1" }, metadata: { name: "e" } }) as unknown as Event;

export const gateway = (status: object, spec: object = {}): Gateway =>
  ({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name: "front", namespace: "kserve" },
    spec: { gatewayClassName: "envoy", listeners: [{ name: "http", port: 80, protocol: "HTTP" }], ...spec },
    status,
  }) as Gateway;

export const gatewayClass = (conditions: object[]): GatewayClass =>
  ({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "GatewayClass",
    metadata: { name: "envoy" },
    spec: { controllerName: "e.io/envoy" },
    status: { conditions },
  }) as GatewayClass;

const parentRef = { name: "front", namespace: "kserve" };

export const route = (condition?: object, rules: object[] = []): HTTPRoute =>
  ({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "iris", namespace: "team", creationTimestamp: long },
    spec: { parentRefs: [parentRef], hostnames: ["iris.example.com"], rules },
    ...(condition === undefined
      ? {}
      : { status: { parents: [{ parentRef, controllerName: "e.io/envoy", conditions: [condition] }] } }),
  }) as unknown as HTTPRoute;

export const evidence = (more: Partial<Evidence> = {}): Evidence => ({
  isvc: service(),
  pods: [],
  deployments: [deployment()],
  routes: [],
  autoscalers: [],
  scaledObjects: [],
  details: {},
  now,
  ...more,
});
