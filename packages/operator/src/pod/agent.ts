// SPDX-License-Identifier: Apache-2.0
// The agent sidecar stands before the model's container: it logs and batches requests.
// Source: KServe pkg/webhook/admission/pod/agent_injector.go.
import {
  agentPort,
  type ComponentSpec,
  type Container,
  containerNames,
  defaultContainerPort,
  type InferenceService,
  type Probe,
} from "@serval/api";
import { findContainer, type PodContext, type PodStage, type PodTemplate, withSpec } from "./context.ts";
import { resourcesFrom } from "./storage.ts";

export const needsAgent = ({ logger, batcher }: ComponentSpec): boolean =>
  logger !== undefined || batcher !== undefined;

function batcherArgs({ batcher }: ComponentSpec): string[] {
  if (batcher === undefined) return [];
  const { maxBatchSize, maxLatency } = batcher;
  return [
    "--enable-batcher",
    ...(maxBatchSize === undefined ? [] : ["--max-batchsize", `${maxBatchSize}`]),
    ...(maxLatency === undefined ? [] : ["--max-latency", `${maxLatency}`]),
  ];
}

/** Only annotations that the service has; the others are silently absent (KServe). */
const selectedAnnotations = (isvc: InferenceService, names: readonly string[]): string[] =>
  names.flatMap((name) => {
    const value = isvc.metadata.annotations?.[name];
    return value === undefined ? [] : [`${name}=${value}`];
  });

function loggerArgs({ isvc, role, component, config }: PodContext): string[] {
  const { logger } = component;
  if (logger === undefined) return [];
  const { storage, marshallerUrl, batchSize, batchInterval } = isvc.spec.predictor.logger ?? {};
  const notes = selectedAnnotations(isvc, logger.metadataAnnotations ?? []);
  const headers = logger.metadataHeaders ?? [];
  const when = (value: unknown, ...args: string[]): string[] => (value === undefined || value === "" ? [] : args);
  return [
    ...["--log-url", logger.url ?? config.logger.defaultUrl],
    // KServe: empty, since a pod of a ReplicaSet has no name when it is admitted.
    ...["--source-uri", ""],
    ...["--log-mode", logger.mode ?? "all"],
    ...["--inference-service", isvc.metadata.name ?? ""],
    ...["--namespace", isvc.metadata.namespace ?? ""],
    ...["--endpoint", ""],
    ...["--component", role],
    ...when(storage?.path, "--log-store-path", storage?.path ?? ""),
    ...when(storage?.parameters?.["format"], "--log-store-format", storage?.parameters?.["format"] ?? ""),
    ...when(marshallerUrl, "--log-marshaller-url", marshallerUrl ?? ""),
    ...when(batchSize, "--log-batch-size", `${batchSize}`),
    ...when(batchInterval, "--log-batch-interval", batchInterval ?? ""),
    ...(headers.length === 0 ? [] : ["--metadata-headers", headers.join(",")]),
    ...(notes.length === 0 ? [] : ["--metadata-annotations", notes.join(",")]),
    ...when(config.logger.caCertFile, "--logger-ca-cert-file", config.logger.caCertFile),
    ...["--logger-tls-skip-verify", `${config.logger.tlsSkipVerify}`],
  ];
}

/** The agent asks the model's container what the kubelet would have asked it. */
function readinessEnv(probe: Probe | undefined): Container["env"] {
  if (probe?.tcpSocket === undefined && probe?.httpGet === undefined) return undefined;
  return [{ name: "SERVING_READINESS_PROBE", value: JSON.stringify(probe) }];
}

function agentContainer(template: PodTemplate, context: PodContext): Container {
  const { component, config } = context;
  const target = findContainer(template, containerNames.transformer) ?? findContainer(template, containerNames.model);
  const port = target?.ports?.[0]?.containerPort ?? defaultContainerPort;
  const probe = (findContainer(template, containerNames.transformer) ?? template.spec.containers[0])?.readinessProbe;
  const env = readinessEnv(probe);
  const security = template.spec.containers[0]?.securityContext;
  return {
    name: containerNames.agent,
    image: config.agent.image,
    args: [...batcherArgs(component), ...loggerArgs(context), "--component-port", `${port}`],
    ports: [{ name: "agent-port", containerPort: agentPort, protocol: "TCP" }],
    resources: resourcesFrom(config.agent),
    readinessProbe: {
      httpGet: {
        path: probe?.httpGet?.path ?? "/",
        port: agentPort,
        httpHeaders: [{ name: "K-Network-Probe", value: "queue" }],
      },
    },
    ...(env === undefined ? {} : { env }),
    ...(security === undefined ? {} : { securityContext: security }),
  };
}

const caVolume = "agent-ca-bundle";

function withLoggerCa(agent: Container, template: PodTemplate, { component, config }: PodContext): PodTemplate {
  const { caBundle } = config.logger;
  const containers = (last: Container) => [...template.spec.containers, last];
  if (component.logger === undefined || caBundle === "") return withSpec(template, { containers: containers(agent) });
  const mount = { name: caVolume, mountPath: "/etc/tls/logger", readOnly: true };
  return withSpec(template, {
    containers: containers({ ...agent, volumeMounts: [...(agent.volumeMounts ?? []), mount] }),
    volumes: [...(template.spec.volumes ?? []), { name: caVolume, configMap: { name: caBundle, optional: true } }],
  });
}

export const agentSidecar: PodStage = (template, context) => {
  if (!needsAgent(context.component) || findContainer(template, containerNames.agent) !== undefined) return template;
  return withLoggerCa(agentContainer(template, context), template, context);
};
