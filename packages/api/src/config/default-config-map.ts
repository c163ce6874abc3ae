// SPDX-License-Identifier: Apache-2.0
// The ConfigMap that a new home starts with: Standard mode over Gateway API in both homes (decisions 20 and 21).
import type { ConfigMap } from "../core/index.ts";
import { configMapName, kserveNamespace } from "../serving/names.ts";

export interface DefaultConfigOptions {
  readonly home: "embedded" | "cluster";
  /** The gateway's port; on `embedded` it becomes the port of `status.url`. */
  readonly gatewayPort?: number;
  /** Image of the storage initializer. */
  readonly storageInitializerImage?: string;
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
const sidecar = { memoryRequest: "100Mi", memoryLimit: "1Gi", cpuRequest: "100m", cpuLimit: "1" };

/** Where the two homes differ. */
const ofHome = {
  embedded: {
    ingressDomain: "localhost",
    urlShowsPort: true,
    // A laptop has no 1 CPU and 2 GiB to reserve for every small custom container.
    resource: { cpuLimit: "", memoryLimit: "", cpuRequest: "", memoryRequest: "" },
  },
  cluster: {
    ingressDomain: "example.com",
    urlShowsPort: false,
    resource: { cpuLimit: "1", memoryLimit: "2Gi", cpuRequest: "1", memoryRequest: "2Gi" },
  },
} as const;

export function defaultConfigMap(options: DefaultConfigOptions): ConfigMap {
  const { home, gatewayPort, storageInitializerImage = "kserve/storage-initializer:latest" } = options;
  const { ingressDomain, urlShowsPort, resource } = ofHome[home];
  const showsPort = urlShowsPort && gatewayPort !== undefined && gatewayPort !== 80;
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: configMapName, namespace: kserveNamespace },
    data: {
      deploy: json({ defaultDeploymentMode: "Standard" }),
      ingress: json({
        enableGatewayApi: true,
        kserveIngressGateway: "kserve/kserve-ingress-gateway",
        ingressGateway: "knative-serving/knative-ingress-gateway",
        ingressDomain,
        domainTemplate: "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}",
        urlScheme: "http",
        disableIstioVirtualHost: true,
        disableIngressCreation: false,
      }),
      storageInitializer: json({ image: storageInitializerImage, ...sidecar, enableModelcar: true }),
      agent: json({ image: "kserve/agent:latest", ...sidecar }),
      logger: json({ image: "kserve/agent:latest", ...sidecar, defaultUrl: "http://default-broker" }),
      batcher: json({ ...sidecar, image: "kserve/agent:latest", memoryRequest: "1Gi", cpuRequest: "1" }),
      credentials: json({
        storageSpecSecretName: "storage-config",
        storageSecretNameAnnotation: "serving.kserve.io/storageSecretName",
        gcs: { gcsCredentialFileName: "gcloud-application-credentials.json" },
        s3: { s3AccessKeyIDName: "AWS_ACCESS_KEY_ID", s3SecretAccessKeyName: "AWS_SECRET_ACCESS_KEY" },
      }),
      metricsAggregator: json({ enableMetricAggregation: "false", enablePrometheusScraping: "false" }),
      security: json({ autoMountServiceAccountToken: true }),
      inferenceService: json({ resource }),
      ...(showsPort ? { serval: json({ urlPort: gatewayPort }) } : {}),
    },
  };
}
