// SPDX-License-Identifier: Apache-2.0
// Words of the API that several kinds share: the group, annotation and label keys, container names, ports and paths.
export const servingGroup = "serving.kserve.io";
export const kserveNamespace = "kserve";
/** KServe keeps it while TrainedModels have to be deleted with their service. */
export const servingFinalizer = "inferenceservice.finalizers";
export const configMapName = "inferenceservice-config";

export const annotations = {
  deploymentMode: "serving.kserve.io/deploymentMode",
  autoscalerClass: "serving.kserve.io/autoscalerClass",
  stop: "serving.kserve.io/stop",
  disableAutoUpdate: "serving.kserve.io/disable-auto-update",
  serverType: "serving.kserve.io/server-type",
  gpuResourceTypes: "serving.kserve.io/gpu-resource-types",
  gkeAccelerator: "serving.kserve.io/gke-accelerator",
  storageReadonly: "storage.kserve.io/readonly",
  storageInitializerUid: "serving.kserve.io/storage-initializer-uid",
  /** The seed's per-service resources of the storage initializer (KServe ignores them). */
  storageInitializerCpu: "serving.kserve.io/storage-initializer-cpu",
  storageInitializerMemory: "serving.kserve.io/storage-initializer-memory",
  enableMetricAggregation: "serving.kserve.io/enable-metric-aggregation",
  enablePrometheusScraping: "serving.kserve.io/enable-prometheus-scraping",
  prometheusPort: "prometheus.kserve.io/port",
  prometheusPath: "prometheus.kserve.io/path",
  modelFormat: "modelFormat",
  knativeClass: "autoscaling.knative.dev/class",
  executorBackend: "multinode/executor-backend",
  /** `{phase, bytes, totalBytes}`, set on a pod by whoever runs its storage initializer. */
  progress: "serval.dev/progress",
  /** On a Deployment of KServe's that the operator leaves as it is: what it would have built when it adopted it. */
  adopted: "serval.dev/adopted",
} as const;

/** Every annotation `serving.kserve.io/…` that something reads, for "did you mean". */
export const knownAnnotations: ReadonlySet<string> = new Set([
  ...Object.values(annotations),
  ...[
    "enable-tag-routing",
    "disable-localmodel",
    "nodegroup",
    "storageSecretName",
    "secretName",
    "s3-endpoint",
    "s3-region",
    "s3-verifyssl",
    "s3-usehttps",
    "s3-usevirtualbucket",
    "s3-useaccelerate",
    "s3-useanoncredential",
    "s3-cabundle",
    "s3-cabundle-configmap",
    "routing-group",
    "enable-served-by-header",
    "exp-dra-device-class",
    "exp-dra-cel-selector",
    "exp-dra-device-count",
    "exp-dra-container-name",
    "model-based-routing-enabled",
  ].map((name) => `serving.kserve.io/${name}`),
]);

/** `internal.serving.kserve.io/…`: KServe's messages to its own pod webhook, kept on objects for compatibility. */
export const internalAnnotations = {
  sourceUri: "internal.serving.kserve.io/storage-initializer-sourceuri",
  storageSpec: "internal.serving.kserve.io/storage-spec",
  storageSpecParam: "internal.serving.kserve.io/storage-spec-param",
  storageSpecKey: "internal.serving.kserve.io/storage-spec-key",
  storageContainerName: "internal.serving.kserve.io/storage-container-name",
  logger: "internal.serving.kserve.io/logger",
  loggerSinkUrl: "internal.serving.kserve.io/logger-sink-url",
  loggerMode: "internal.serving.kserve.io/logger-mode",
  loggerMetadataHeaders: "internal.serving.kserve.io/logger-metadata-headers",
  loggerMetadataAnnotations: "internal.serving.kserve.io/logger-metadata-annotations",
  batcher: "internal.serving.kserve.io/batcher",
  batcherMaxBatchSize: "internal.serving.kserve.io/batcher-max-batchsize",
  batcherMaxLatency: "internal.serving.kserve.io/batcher-max-latency",
  agent: "internal.serving.kserve.io/agent",
  configVolumeName: "internal.serving.kserve.io/configVolumeName",
  configMountPath: "internal.serving.kserve.io/configMountPath",
  modelDir: "internal.serving.kserve.io/modelDir",
  confidentialEnabled: "internal.serving.kserve.io/confidential-enabled",
  confidentialResourceId: "internal.serving.kserve.io/confidential-resource-id",
  localModelSourceUri: "internal.serving.kserve.io/localmodel-sourceuri",
  localModelPvcName: "internal.serving.kserve.io/localmodel-pvc-name",
} as const;

/** Labels that admission sets on services whose model a LocalModelCache holds. */
export const internalLabels = {
  localModel: "internal.serving.kserve.io/localmodel",
  localModelNamespace: "internal.serving.kserve.io/localmodel-namespace",
} as const;

export const labels = {
  inferenceService: "serving.kserve.io/inferenceservice",
  component: "component",
  app: "app",
  generation: "isvc.generation",
  multiNodeRole: "multinode/role",
  visibility: "networking.kserve.io/visibility",
  knativeVisibility: "networking.knative.dev/visibility",
  modelClass: "modelClass",
  serviceEnvelope: "serviceEnvelope",
  inferenceGraph: "serving.kserve.io/inferencegraph",
  /** Of a TrainedModel: its InferenceService, and the one whose memory it was given. */
  trainedModelParent: "inferenceservice",
  trainedModelAllocated: "serving.kserve.io/trainedmodel-allocated",
} as const;

/** How a service and the local model cache that it was matched to know each other. */
export const localModelKeys = {
  label: "internal.serving.kserve.io/localmodel",
  namespaceLabel: "internal.serving.kserve.io/localmodel-namespace",
  sourceUri: "internal.serving.kserve.io/localmodel-sourceuri",
  claimName: "internal.serving.kserve.io/localmodel-pvc-name",
  /** Present: no matching. */
  disabled: "serving.kserve.io/disable-localmodel",
  nodeGroup: "serving.kserve.io/nodegroup",
} as const;
export const routingGroupLabel = "serving.kserve.io/routing-group";

export const containerNames = {
  model: "kserve-container",
  transformer: "transformer-container",
  worker: "worker-container",
  storageInitializer: "storage-initializer",
  agent: "agent",
  queueProxy: "queue-proxy",
} as const;

/** Where a model server answers predictions. `protocol`: v2, everything else is v1. */
export const predictPath = (model: string, protocol: string): string =>
  protocol === "v2" ? `/v2/models/${model}/infer` : `/v1/models/${model}:predict`;

export const modelMountPath = "/mnt/models";
export const defaultContainerPort = 8080;
export const agentPort = 9081;
