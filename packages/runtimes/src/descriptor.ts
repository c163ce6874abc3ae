// SPDX-License-Identifier: Apache-2.0
// A runtime as data: what it serves and how its container starts. Becomes a ClusterServingRuntime object; never imports
// an engine, so that generating YAML and choosing runtimes loads no machine learning code.

export interface SupportedFormat {
  readonly name: string;
  readonly version?: string;
  readonly autoSelect?: boolean;
  readonly priority?: number;
}

export interface RuntimeDescriptor {
  readonly name: string;
  /** KServe's annotation serving.kserve.io/server-type. */
  readonly serverType: string;
  readonly formats: readonly SupportedFormat[];
  /** Empty: any protocol, as KServe's vLLM runtime declares none. */
  readonly protocols: readonly string[];
  readonly image: string;
  readonly args: readonly string[];
  readonly requests?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}

/** KServe's own arguments, in its order (kserve: config/runtimes). */
export const kserveArgs = ["--model_name={{.Name}}", "--model_dir=/mnt/models", "--http_port=8080"] as const;

export const SERVAL_IMAGE = "serval-model-server";

export interface ClusterServingRuntime {
  readonly apiVersion: "serving.kserve.io/v1alpha1";
  readonly kind: "ClusterServingRuntime";
  readonly metadata: {
    readonly name: string;
    readonly annotations: Readonly<Record<string, string>>;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

export function clusterServingRuntime(descriptor: RuntimeDescriptor): ClusterServingRuntime {
  const { requests = { cpu: "100m", memory: "128Mi" }, limits = { cpu: "1", memory: "2Gi" } } = descriptor;
  return {
    apiVersion: "serving.kserve.io/v1alpha1",
    kind: "ClusterServingRuntime",
    metadata: {
      name: descriptor.name,
      annotations: { "serving.kserve.io/server-type": descriptor.serverType },
      labels: { "app.kubernetes.io/managed-by": "serval" },
    },
    spec: {
      annotations: { "prometheus.kserve.io/port": "8080", "prometheus.kserve.io/path": "/metrics" },
      supportedModelFormats: descriptor.formats,
      ...(descriptor.protocols.length > 0 ? { protocolVersions: descriptor.protocols } : {}),
      containers: [
        {
          name: "kserve-container",
          image: descriptor.image,
          args: descriptor.args,
          resources: { requests, limits },
          securityContext: {
            allowPrivilegeEscalation: false,
            privileged: false,
            runAsNonRoot: true,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
    },
  };
}
