// SPDX-License-Identifier: Apache-2.0
// The agent sidecar stands before the model's container: it logs and batches requests, or pulls the models to serve.
// Source: KServe pkg/webhook/admission/pod/agent_injector.go.
import {
  agentPort,
  type ComponentSpec,
  type Container,
  containerNames,
  defaultContainerPort,
  modelMountPath,
  type Probe,
} from "@serval/api";
import {
  findContainer,
  type PodContext,
  type PodStage,
  type PodTemplate,
  withContainers,
  withSpec,
} from "./context.ts";
import { withAccount, withAccountCredentials } from "./credentials/index.ts";
import { loggerArgs, loggerStorageOf } from "./logger-args.ts";
import { isMultiModel, modelConfigFolder, modelConfigName, pullerMounts } from "./multi-model.ts";
import { addVolumes, changeContainers, type Draft, textEnv, withEnv, withMount, withVolume } from "./parts.ts";
import { resourcesFrom } from "./storage/initializer.ts";

/** Requests go through the agent; a puller alone stands beside them. */
export const needsAgent = ({ logger, batcher }: ComponentSpec): boolean =>
  logger !== undefined || batcher !== undefined;

const pullerArgs = (context: PodContext): string[] =>
  isMultiModel(context) ? ["--enable-puller", "--config-dir", modelConfigFolder, "--model-dir", modelMountPath] : [];

function batcherArgs({ component: { batcher }, role }: PodContext): string[] {
  // KServe hands an explainer's batcher to nobody.
  if (batcher === undefined || role === "explainer") return [];
  const { maxBatchSize, maxLatency } = batcher;
  return [
    "--enable-batcher",
    ...(maxBatchSize === undefined ? [] : ["--max-batchsize", `${maxBatchSize}`]),
    ...(maxLatency === undefined ? [] : ["--max-latency", `${maxLatency}`]),
  ];
}

/** The agent asks the model's container what the kubelet would have asked it. */
function readinessEnv(probe: Probe | undefined): Container["env"] {
  if (probe?.tcpSocket === undefined && probe?.httpGet === undefined) return [];
  return [textEnv("SERVING_READINESS_PROBE", JSON.stringify(probe))];
}

/** Knative's own sidecar, if the pod has one, knows the probe already. */
function agentEnv(template: PodTemplate, probe: Probe | undefined): Container["env"] {
  const queueProxy = findContainer(template, containerNames.queueProxy);
  return queueProxy === undefined ? readinessEnv(probe) : (queueProxy.env ?? []);
}

function agentContainer(template: PodTemplate, context: PodContext): Container {
  const { config } = context;
  const target = findContainer(template, containerNames.transformer) ?? findContainer(template, containerNames.model);
  const port = target?.ports?.[0]?.containerPort ?? defaultContainerPort;
  const probe = (findContainer(template, containerNames.transformer) ?? template.spec.containers[0])?.readinessProbe;
  const env = agentEnv(template, probe) ?? [];
  const security = template.spec.containers[0]?.securityContext;
  return {
    name: containerNames.agent,
    image: config.agent.image,
    args: [...pullerArgs(context), ...batcherArgs(context), ...loggerArgs(context), "--component-port", `${port}`],
    ports: [{ name: "agent-port", containerPort: agentPort, protocol: "TCP" }],
    resources: resourcesFrom(config.agent),
    readinessProbe: {
      httpGet: {
        path: probe?.httpGet?.path ?? "/",
        port: agentPort,
        httpHeaders: [{ name: "K-Network-Probe", value: "queue" }],
      },
    },
    ...(env.length === 0 ? {} : { env }),
    ...(security === undefined ? {} : { securityContext: security }),
  };
}

const caVolume = "agent-ca-bundle";

function withLoggerCa(draft: Draft, { component, config }: PodContext): Draft {
  const { caBundle } = config.logger;
  if (component.logger === undefined || caBundle === "") return draft;
  const mount = { name: caVolume, mountPath: "/etc/tls/logger", readOnly: true };
  return {
    container: withMount(draft.container, mount),
    volumes: withVolume(draft.volumes, { name: caVolume, configMap: { name: caBundle, optional: true } }),
  };
}

function withLoggerAccount(draft: Draft, context: PodContext): Draft {
  const storage = context.component.logger === undefined ? undefined : loggerStorageOf(context);
  if (storage === undefined) return draft;
  return withAccount(draft, storage.serviceAccountName || "logger-sa", context);
}

function withPuller(draft: Draft, context: PodContext): Draft {
  if (!isMultiModel(context)) return draft;
  const { models, config } = pullerMounts;
  return {
    container: withMount(withMount(draft.container, models), config),
    volumes: [
      { name: models.name, emptyDir: {} },
      { name: config.name, configMap: { name: modelConfigName(context.isvc) } },
      ...draft.volumes,
    ],
  };
}

const steps: readonly ((draft: Draft, context: PodContext) => Draft)[] = [
  withPuller,
  withLoggerCa,
  withAccountCredentials,
  withLoggerAccount,
];

/** Knative's sidecar sends requests to the agent instead of to the model. */
const behindQueueProxy = (template: PodTemplate): PodTemplate =>
  changeContainers(template, [containerNames.queueProxy], (container) =>
    withEnv(container, [textEnv("USER_PORT", `${agentPort}`)]),
  );

export const agentSidecar: PodStage = (template, context) => {
  const isAsked = needsAgent(context.component) || isMultiModel(context);
  if (!isAsked || context.group?.isWorker === true || findContainer(template, containerNames.agent) !== undefined)
    return template;
  const start: Draft = { container: agentContainer(template, context), volumes: [] };
  const { container, volumes } = steps.reduce((draft, step) => step(draft, context), start);
  const read = isMultiModel(context)
    ? withContainers(template, (other) =>
        other.name === pullerMounts.reader ? withMount(other, pullerMounts.models) : other,
      )
    : template;
  const complete = behindQueueProxy(read);
  return addVolumes(withSpec(complete, { containers: [...complete.spec.containers, container] }), volumes);
};
