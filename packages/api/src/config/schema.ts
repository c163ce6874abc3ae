// SPDX-License-Identifier: Apache-2.0
// One schema per key of the `inferenceservice-config` ConfigMap, with KServe's code defaults. Keys that are not listed
// here are kept and ignored. Source: KServe pkg/apis/serving/v1beta1/configmap.go and its consumers.
import type { Static } from "typebox";
import { boolean, integer, list, object, oneOf, optional, text } from "../schema/makers.ts";

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
  }),
  batcher: object({ image: word("kserve/agent:latest"), ...resources("1", "1", "1Gi", "1Gi") }),
  metricsAggregator: object({ enableMetricAggregation: word("false"), enablePrometheusScraping: word("false") }),
  security: object({ autoMountServiceAccountToken: flag(false) }),
  service: object({ serviceClusterIPNone: flag(false) }),
  multiNode: object({ customGPUResourceTypeList: optional(list(text())) }),
  /** Ours: what the embedded home needs beyond KServe's keys. */
  serval: object({
    /** The port that `status.url` carries; route host names never do. Absent: the scheme's own port. */
    urlPort: optional(integer({ minimum: 1, maximum: 65535 })),
  }),
} as const;

type Schemas = typeof configSchemas;
export type ConfigKey = keyof Schemas;
export type ConfigSections = { [Key in ConfigKey]: Static<Schemas[Key]> };
export const configKeys = Object.keys(configSchemas) as ConfigKey[];
/** For reference pages: the whole ConfigMap as one schema. */
export const configSchema = object({ ...configSchemas });
