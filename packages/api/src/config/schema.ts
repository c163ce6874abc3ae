// SPDX-License-Identifier: Apache-2.0
// One schema per key of the `inferenceservice-config` ConfigMap, with KServe's code defaults. Keys that are not listed
// here are kept and ignored. Source: KServe pkg/apis/serving/v1beta1/configmap.go and its consumers.
import type { Static, TObject, TProperties } from "typebox";
import { boolean, integer, list, object, oneOf, optional, text, textMap } from "../schema/makers.ts";
import { withDefaults } from "./check.ts";

/** A quantity that may be empty; an empty one is "no value". */
const amount = (fallback: string) => text({ default: fallback });
const resources = (cpuRequest: string, cpuLimit: string, memoryRequest: string, memoryLimit: string) => ({
  cpuRequest: amount(cpuRequest),
  cpuLimit: amount(cpuLimit),
  memoryRequest: amount(memoryRequest),
  memoryLimit: amount(memoryLimit),
});
const flag = (fallback: boolean) => boolean({ default: fallback });
const word = (fallback: string) => text({ default: fallback });
const number = (fallback: number) => integer({ default: fallback });

/** A section within a section: absent, it holds its fields' defaults. */
function nested<P extends TProperties>(properties: P): TObject<P> {
  const fields = object(properties);
  return object(properties, { default: withDefaults(fields, {}) });
}

const s3Defaults = {
  s3AccessKeyIDName: word("awsAccessKeyID"),
  s3SecretAccessKeyName: word("awsSecretAccessKey"),
  s3Endpoint: word(""),
  s3UseHttps: word(""),
  s3Region: word(""),
  s3VerifySSL: word(""),
  s3UseVirtualBucket: word(""),
  s3UseAccelerate: word(""),
  s3UseAnonymousCredential: word(""),
  s3CABundleConfigMap: word(""),
  s3CABundle: word(""),
};

export const configSchemas = {
  deploy: object({
    defaultDeploymentMode: word("Standard"),
    deploymentRolloutStrategy: optional(
      object({ defaultRollout: optional(object({ maxSurge: optional(text()), maxUnavailable: optional(text()) })) }),
    ),
  }),
  ingress: object({
    enableGatewayApi: flag(false),
    kserveIngressGateway: word("kserve/kserve-ingress-gateway"),
    ingressGateway: word("knative-serving/knative-ingress-gateway"),
    localGateway: word("knative-serving/knative-local-gateway"),
    localGatewayService: word("knative-local-gateway.istio-system.svc.cluster.local"),
    ingressDomain: word("example.com"),
    ingressClassName: optional(text()),
    additionalIngressDomains: optional(list(text())),
    domainTemplate: word("{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}"),
    urlScheme: word("http"),
    disableIstioVirtualHost: flag(false),
    disableIngressCreation: flag(false),
    disableHTTPRouteTimeout: flag(false),
    pathTemplate: word(""),
    /** Empty: `localGatewayService`. */
    knativeLocalGatewayService: word(""),
    enableLLMInferenceServiceTLS: flag(false),
    modelBasedRoutingHeaderName: word("X-Gateway-Model-Name"),
    modelBasedRoutingMode: oneOf(["enabled", "disabled", "forced"], { default: "enabled" }),
  }),
  /** The built-in disallow lists count only when this key exists (KServe). */
  inferenceService: object({
    serviceAnnotationDisallowedList: optional(list(text())),
    serviceLabelDisallowedList: optional(list(text())),
    resource: optional(object(resources("", "", "", ""))),
  }),
  storageInitializer: object({
    image: word("kserve/storage-initializer:latest"),
    ...resources("100m", "1", "100Mi", "1Gi"),
    caBundleConfigMapName: word(""),
    caBundleVolumeMountPath: word("/etc/ssl/custom-certs"),
    enableModelcar: flag(false),
    cpuModelcar: amount("10m"),
    memoryModelcar: amount("15Mi"),
    uidModelcar: optional(integer()),
    enableOciModelSupport: flag(false),
    ociModelMode: oneOf(["", "modelcar", "native", "fetch"], { default: "" }),
    ociInsecureRegistry: flag(false),
  }),
  agent: object({ image: word("kserve/agent:latest"), ...resources("100m", "1", "100Mi", "1Gi") }),
  logger: object({
    image: word("kserve/agent:latest"),
    ...resources("100m", "1", "100Mi", "1Gi"),
    defaultUrl: word(""),
    caBundle: word(""),
    caCertFile: word(""),
    tlsSkipVerify: flag(false),
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
  }),
  batcher: object({
    image: word("kserve/agent:latest"),
    ...resources("1", "1", "1Gi", "1Gi"),
    // KServe: numbers as text; nothing reads them.
    maxBatchSize: word("32"),
    maxLatency: word("5000"),
  }),
  /** The image of InferenceGraph routers. */
  router: object({
    image: word("kserve/router:latest"),
    ...resources("100m", "1", "100Mi", "1Gi"),
    /** Names, or regular expressions of names, of request headers that the router hands on. */
    headers: optional(object({ propagate: optional(list(text())) })),
    imagePullPolicy: oneOf(["", "Always", "IfNotPresent", "Never"], { default: "IfNotPresent" }),
    imagePullSecrets: optional(list(text())),
  }),
  explainers: object({
    art: nested({ image: word("kserve/art-explainer"), defaultImageVersion: word("latest") }),
  }),
  credentials: object({
    storageSpecSecretName: word("storage-config"),
    storageSecretNameAnnotation: word("serving.kserve.io/storageSecretName"),
    gcs: nested({ gcsCredentialFileName: word("gcloud-application-credentials.json") }),
    s3: nested(s3Defaults),
  }),
  metricsAggregator: object({ enableMetricAggregation: word("false"), enablePrometheusScraping: word("false") }),
  security: object({ autoMountServiceAccountToken: flag(false) }),
  service: object({ serviceClusterIPNone: flag(false) }),
  multiNode: object({ customGPUResourceTypeList: optional(list(text())) }),
  localModel: object({
    enabled: flag(false),
    jobNamespace: word("kserve-localmodel-jobs"),
    /** KServe: declared, not read. */
    defaultJobImage: word("kserve/storage-initializer:latest"),
    fsGroup: number(1000),
    jobTTLSecondsAfterFinished: number(3600),
    /** KServe's own spelling. */
    reconcilationFrequencyInSecs: number(60),
    disableVolumeManagement: flag(false),
  }),
  opentelemetryCollector: object({
    scrapeInterval: word("5s"),
    metricReceiverEndpoint: word("keda-otel-scaler.keda.svc:4317"),
    metricScalerEndpoint: word("keda-otel-scaler.keda.svc:4318"),
    resource: nested(resources("200m", "1", "512Mi", "2Gi")),
  }),
  /** Numbers as text; KServe reads them for KEDA only. */
  autoscaler: object({
    scaleUpStabilizationWindowSeconds: word("0"),
    scaleDownStabilizationWindowSeconds: word("300"),
  }),
  scheduler: object({
    expirationAnnotations: list(text(), { default: ["certificates.kserve.io/expiration"] }),
  }),
  "autoscaling-wva-controller-config": object({
    prometheus: nested({
      url: word(""),
      tlsInsecureSkipVerify: flag(false),
      authModes: word(""),
      triggerAuthName: word(""),
      triggerAuthKind: word(""),
    }),
  }),
  /** Ours: beyond KServe's keys. */
  serval: object({
    /** The port that `status.url` carries; route host names never do. Absent: the scheme's own port. */
    urlPort: optional(integer({ minimum: 1, maximum: 65535 })),
    /** Whether users may use the Secrets, ConfigMaps and ServiceAccounts that their objects name. Absent: enforce. */
    referenceChecks: optional(oneOf(["enforce", "warn", "off"])),
    /** When the condition Stopped is there: to Argo CD before 3.1 its False means that a service is not healthy. Absent: always. */
    stoppedCondition: optional(oneOf(["always", "whenStopped"])),
  }),
} as const;

type Schemas = typeof configSchemas;
export type ConfigKey = keyof Schemas;
export type ConfigSections = { [Key in ConfigKey]: Static<Schemas[Key]> };
export const configKeys = Object.keys(configSchemas) as ConfigKey[];
/** For reference pages: the whole ConfigMap as one schema. */
export const configSchema = object({ ...configSchemas });
