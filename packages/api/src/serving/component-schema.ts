// SPDX-License-Identifier: Apache-2.0
// What every component (predictor, transformer, explainer) has besides its pod: replicas, scaling, logging, traffic.
// Source: KServe pkg/apis/serving/v1beta1/component.go and inference_service.go.
import type { Static } from "typebox";
import type { Container, DeploymentStrategy, HorizontalPodAutoscalerBehavior, PodSpec } from "../core/index.ts";
import {
  boolean,
  core,
  type Inline,
  int32,
  int64,
  integer,
  list,
  object,
  oneOf,
  optional,
  quantity,
  text,
  textMap,
} from "../schema/makers.ts";

/** PodSpec lists whose list type KServe's CRDs leave undeclared; declaring it would refuse what KServe accepts. */
const plainLists = [
  "containers",
  "initContainers",
  "ephemeralContainers",
  "volumes",
  "hostAliases",
  "imagePullSecrets",
  "tolerations",
  "readinessGates",
];
export const inlinePodSpec: Inline = {
  name: "io.k8s.api.core.v1.PodSpec",
  loosen: [
    "containers",
    "os.name",
    "containers.[].livenessProbe.httpGet.port",
    "containers.[].readinessProbe.httpGet.port",
  ],
  omit: ["ephemeralContainers"],
  plainLists,
};
/** KServe loosens probes too: a probe without a port is merged over the runtime's. */
export const inlineContainer: Inline = {
  name: "io.k8s.api.core.v1.Container",
  loosen: [
    "name",
    "livenessProbe.httpGet.port",
    "livenessProbe.tcpSocket.port",
    "readinessProbe.httpGet.port",
    "readinessProbe.tcpSocket.port",
  ],
};

/** A core PodSpec whose containers may come from elsewhere (the serving runtime). */
export type LoosePodSpec = Omit<PodSpec, "containers"> & { containers?: Container[] | undefined };
/** A core Container that needs no name. */
export type LooseContainer = Omit<Container, "name"> & { name?: string | undefined };

const metricTarget = object({
  type: optional(oneOf(["Utilization", "Value", "AverageValue"])),
  value: optional(quantity()),
  averageValue: optional(quantity()),
  averageUtilization: optional(int32()),
});

const metricSpec = object({
  type: oneOf(["Resource", "External", "PodMetric"]),
  resource: optional(object({ name: oneOf(["cpu", "memory"]), target: metricTarget })),
  external: optional(
    object({
      metric: object({
        backend: optional(oneOf(["prometheus", "graphite"])),
        serverAddress: optional(text()),
        query: optional(text()),
        namespace: optional(text()),
      }),
      target: metricTarget,
      authenticationRef: optional(object({ authenticationRef: object({ name: text() }), authModes: optional(text()) })),
    }),
  ),
  podmetric: optional(
    object({
      metric: object({
        backend: optional(oneOf(["opentelemetry"])),
        serverAddress: optional(text()),
        metricNames: optional(list(text())),
        query: optional(text()),
        operationOverTime: optional(text()),
      }),
      target: metricTarget,
    }),
  ),
});

const loggerSpec = object({
  url: optional(text({ description: "Where CloudEvents are sent; the ConfigMap's logger.defaultUrl when absent" })),
  mode: optional(oneOf(["all", "request", "response"])),
  metadataHeaders: optional(list(text())),
  metadataAnnotations: optional(list(text())),
  storage: optional(
    object({
      path: optional(text()),
      parameters: optional(textMap()),
      key: optional(text()),
      serviceAccountName: optional(text()),
    }),
  ),
  marshallerUrl: optional(text()),
  batchSize: optional(integer()),
  batchInterval: optional(text()),
});

/** The fields to spread into a component's own properties. */
export const componentExtension = {
  minReplicas: optional(int32({ description: "Lower bound of replicas, default 1; 0 allows scale to zero" })),
  maxReplicas: optional(int32({ description: "Upper bound of replicas; 0 or absent: see the autoscaler" })),
  scaleTarget: optional(int32({ description: "Target of scaleMetric per replica (percent for cpu and memory)" })),
  scaleMetric: optional(oneOf(["cpu", "memory", "concurrency", "rps"])),
  scaleMetricType: optional(oneOf(["Utilization", "Value", "AverageValue"])),
  autoScaling: optional(
    object({
      metrics: optional(list(metricSpec)),
      behavior: optional(
        core<HorizontalPodAutoscalerBehavior>("io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerBehavior"),
      ),
    }),
  ),
  containerConcurrency: optional(int64({ description: "Requests one replica works on at once; 0: no limit" })),
  timeout: optional(int64({ description: "Seconds until a request fails with 504; default 60" })),
  canaryTrafficPercent: optional(int64({ description: "Percent of requests for the newest revision" })),
  logger: optional(loggerSpec),
  batcher: optional(
    object({ maxBatchSize: optional(integer()), maxLatency: optional(integer()), timeout: optional(integer()) }),
  ),
  labels: optional(textMap()),
  annotations: optional(textMap()),
  deploymentStrategy: optional(core<DeploymentStrategy>("io.k8s.api.apps.v1.DeploymentStrategy")),
};

const componentExtensionObject = object(componentExtension);
export type ComponentExtension = Static<typeof componentExtensionObject>;
export type ComponentMetric = Static<typeof metricSpec>;
export type LoggerSpec = Static<typeof loggerSpec>;

export const storageUris = optional(
  list(
    object({
      uri: text({ minLength: 1 }),
      mountPath: optional(text({ default: "/mnt/models", pattern: "^/.*", maxLength: 255 })),
    }),
    { minItems: 1, "x-kubernetes-list-type": "atomic" },
  ),
);

export const modelStorage = object({
  path: optional(text({ description: "Path to the model inside the storage" })),
  parameters: optional(textMap()),
  key: optional(text({ description: "Entry of the storage secret" })),
  schemaPath: optional(text()),
});

/** Address, condition and other shapes of Knative's duck types that KServe's statuses use. */
export const addressable = object({
  url: optional(text()),
  name: optional(text()),
  CACerts: optional(text()),
  audience: optional(text()),
});

export const condition = object({
  type: text(),
  status: text(),
  severity: optional(text()),
  reason: optional(text()),
  message: optional(text()),
  lastTransitionTime: optional(text()),
});
export type ServingCondition = Static<typeof condition>;

export const trafficTarget = object({
  revisionName: optional(text()),
  latestRevision: optional(boolean()),
  percent: optional(int64()),
  tag: optional(text()),
  url: optional(text()),
  configurationName: optional(text()),
});
