// SPDX-License-Identifier: Apache-2.0
// A runtime as data: what it serves and how its container starts. Becomes a ClusterServingRuntime object; never imports
// an engine, so that generating YAML and choosing runtimes loads no machine learning code.

export interface SupportedFormat {
  readonly name: string;
  readonly version?: string;
  readonly autoSelect?: boolean;
  readonly priority?: number;
}

/** Plain JSON of the Kubernetes API. */
export type Json = Readonly<Record<string, unknown>>;

export interface RuntimeDescriptor {
  readonly name: string;
  /** KServe's annotation serving.kserve.io/server-type. */
  readonly serverType: string;
  readonly formats: readonly SupportedFormat[];
  /** Empty: any protocol, as KServe's vLLM runtime declares none. */
  readonly protocols: readonly string[];
  readonly image: string;
  readonly args?: readonly string[];
  readonly command?: readonly string[];
  readonly requests?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
  /** Where Prometheus finds the server's metrics; default 8080. */
  readonly metricsPort?: number;
  /** Default: restricted; `none` when the server's image cannot run so. */
  readonly securityContext?: Json | "none";
  /** Further fields of the container: env, probes, volumeMounts. */
  readonly container?: Json;
  /** Further fields of the runtime: volumes, hostIPC, workerSpec, multiModel. */
  readonly spec?: Json;
  /** Serval's own server, whatever the home. */
  readonly isOwn?: boolean;
  /** Not installed by itself: applied by whoever wants it. */
  readonly isOptional?: boolean;
}

/** KServe's own arguments, in its order (kserve: config/runtimes). */
export const kserveArgs = ["--model_name={{.Name}}", "--model_dir=/mnt/models", "--http_port=8080"] as const;

export const SERVAL_IMAGE = "serval-model-server";
/** One that KServe builds and tags with its release. */
export const kserveImage = (name: string, variant = ""): string => `kserve/${name}:v0.20.0${variant}`;

interface OwnServer extends Pick<RuntimeDescriptor, "name" | "serverType" | "formats" | "requests" | "limits"> {
  /** Of `serval serve --framework`. */
  readonly framework: string;
}

/** Priority of Serval's own server where it is preferred: above KServe's servers (1) and MLServer (2). */
export const ownPriority = 3;

/** A runtime of Serval's own server. */
export const ownServer = ({ framework, formats, requests, limits, ...names }: OwnServer): RuntimeDescriptor => ({
  ...names,
  formats: formats.map((format) => ({ autoSelect: true, ...format })),
  protocols: ["v1", "v2"],
  image: SERVAL_IMAGE,
  args: [...kserveArgs, `--framework=${framework}`],
  requests: requests ?? { cpu: "100m", memory: "128Mi" },
  limits: limits ?? { cpu: "1", memory: "2Gi" },
  isOwn: true,
});

export interface ClusterServingRuntime {
  readonly apiVersion: "serving.kserve.io/v1alpha1";
  readonly kind: "ClusterServingRuntime";
  readonly metadata: {
    readonly name: string;
    readonly annotations: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: Json;
}

/** What KServe gives each of its runtimes. */
const oneCore = { cpu: "1", memory: "2Gi" };
const restricted: Json = {
  allowPrivilegeEscalation: false,
  privileged: false,
  runAsNonRoot: true,
  capabilities: { drop: ["ALL"] },
};

function containerOf(descriptor: RuntimeDescriptor): Json {
  const { args, command, requests = oneCore, limits = oneCore, securityContext = restricted } = descriptor;
  return {
    name: "kserve-container",
    image: descriptor.image,
    ...(command === undefined ? {} : { command }),
    ...(args === undefined ? {} : { args }),
    ...descriptor.container,
    resources: { requests, limits },
    ...(securityContext === "none" ? {} : { securityContext }),
  };
}

export function clusterServingRuntime(descriptor: RuntimeDescriptor): ClusterServingRuntime {
  const { name, serverType, formats, protocols, metricsPort = 8080, isOwn } = descriptor;
  return {
    apiVersion: "serving.kserve.io/v1alpha1",
    kind: "ClusterServingRuntime",
    metadata: {
      name,
      annotations: { "serving.kserve.io/server-type": serverType },
      ...(isOwn === true ? { labels: { "app.kubernetes.io/managed-by": "serval" } } : {}),
    },
    spec: {
      annotations: { "prometheus.kserve.io/port": String(metricsPort), "prometheus.kserve.io/path": "/metrics" },
      supportedModelFormats: formats,
      ...(protocols.length > 0 ? { protocolVersions: protocols } : {}),
      ...descriptor.spec,
      containers: [containerOf(descriptor)],
    },
  };
}
