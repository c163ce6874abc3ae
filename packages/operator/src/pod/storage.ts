// SPDX-License-Identifier: Apache-2.0
// How the model gets into the pod: a claim is mounted, everything else is fetched by the storage initializer.
// Source: KServe pkg/webhook/admission/pod/storage_initializer_injector.go (pod mutator section of the reference).
import {
  annotations,
  type Container,
  containerNames,
  modelMountPath,
  ServalError,
  type ServingConfig,
  type VolumeMount,
} from "@serval/api";
import {
  findContainer,
  type PodContext,
  type PodStage,
  type PodTemplate,
  withContainers,
  withSpec,
} from "./context.ts";

const provisionVolume = "kserve-provision-location";
const claimVolume = "kserve-pvc-source";

const isModelUser = ({ name }: Container): boolean =>
  name === containerNames.model || name === containerNames.worker || name === containerNames.transformer;

/** The mount goes to the model's container and to a collocated transformer; STORAGE_URI becomes the path. */
function mounted(template: PodTemplate, mount: VolumeMount): PodTemplate {
  return withContainers(template, (container) => {
    if (!isModelUser(container)) return container;
    if (container.volumeMounts?.some(({ mountPath }) => mountPath === mount.mountPath) === true) return container;
    const env = container.env?.map((entry) =>
      entry.name === "STORAGE_URI" && entry.value !== undefined && entry.value !== ""
        ? { ...entry, value: modelMountPath }
        : entry,
    );
    return {
      ...container,
      ...(env === undefined ? {} : { env }),
      volumeMounts: [...(container.volumeMounts ?? []), mount],
    };
  });
}

/** Read-only unless the annotation says exactly "false". */
const isReadOnly = ({ isvc, component }: PodContext): boolean =>
  (component.annotations?.[annotations.storageReadonly] ?? isvc.metadata.annotations?.[annotations.storageReadonly]) !==
  "false";

function claimMounted(template: PodTemplate, context: PodContext, uri: string): PodTemplate {
  const [claimName = "", ...path] = uri.slice("pvc://".length).split("/");
  const subPath = path.join("/");
  const mount: VolumeMount = {
    name: claimVolume,
    mountPath: modelMountPath,
    readOnly: isReadOnly(context),
    ...(subPath === "" ? {} : { subPath }),
  };
  const volume = { name: claimVolume, persistentVolumeClaim: { claimName } };
  return withSpec(mounted(template, mount), { volumes: [...(template.spec.volumes ?? []), volume] });
}

/** KServe: transfer settings of the Hugging Face client, for every scheme. */
const transferEnv = [
  { name: "HF_HUB_ENABLE_HF_TRANSFER", value: "1" },
  { name: "HF_XET_HIGH_PERFORMANCE", value: "1" },
  { name: "HF_XET_NUM_CONCURRENT_RANGE_GETS", value: "8" },
];

type Amounts = Pick<ServingConfig["agent"], "cpuRequest" | "cpuLimit" | "memoryRequest" | "memoryLimit">;
export const resourcesFrom = ({
  cpuRequest,
  cpuLimit,
  memoryRequest,
  memoryLimit,
}: Amounts): Container["resources"] => ({
  limits: { cpu: cpuLimit, memory: memoryLimit },
  requests: { cpu: cpuRequest, memory: memoryRequest },
});

/** The seed's annotations set request and limit of one service's initializer. */
function initializerResources({ isvc, component, config }: PodContext): Container["resources"] {
  const note = (key: keyof typeof annotations): string | undefined =>
    component.annotations?.[annotations[key]] ?? isvc.metadata.annotations?.[annotations[key]];
  const cpu = note("storageInitializerCpu");
  const memory = note("storageInitializerMemory");
  const { storageInitializer: defaults } = config;
  return resourcesFrom({
    cpuRequest: cpu ?? defaults.cpuRequest,
    cpuLimit: cpu ?? defaults.cpuLimit,
    memoryRequest: memory ?? defaults.memoryRequest,
    memoryLimit: memory ?? defaults.memoryLimit,
  });
}

/** KServe: model decryption happens in the initializer. */
function confidentialEnv({ role, component }: PodContext): { name: string; value: string }[] {
  const confidential = role === "predictor" && "model" in component ? component.model?.confidential : undefined;
  if (confidential?.enabled !== true) return [];
  const { resourceId } = confidential;
  return [
    { name: "CONFIDENTIAL_ENABLED", value: "true" },
    ...(resourceId === undefined ? [] : [{ name: "CONFIDENTIAL_RESOURCE_ID", value: resourceId }]),
  ];
}

function initializer(context: PodContext, uri: string): Container {
  const uid = Number(context.isvc.metadata.annotations?.[annotations.storageInitializerUid] ?? Number.NaN);
  return {
    name: containerNames.storageInitializer,
    image: context.config.storageInitializer.image,
    imagePullPolicy: "IfNotPresent",
    args: [uri, modelMountPath],
    env: [...transferEnv, ...confidentialEnv(context)],
    resources: initializerResources(context),
    volumeMounts: [{ name: provisionVolume, mountPath: modelMountPath }],
    // The last log lines become the status message when the model cannot be fetched.
    terminationMessagePolicy: "FallbackToLogsOnError",
    ...(Number.isInteger(uid) ? { securityContext: { runAsUser: uid } } : {}),
  };
}

export const modelStorage: PodStage = (template, context) => {
  const uri = context.sourceUri;
  if (uri === undefined || uri === "") return template;
  if (findContainer(template, containerNames.model, containerNames.worker) === undefined)
    throw new ServalError("InvalidPredictorSpec", "Invalid configuration: cannot find container", {
      fix: "Name the container that reads the model kserve-container",
    });
  if (uri.startsWith("pvc://")) return claimMounted(template, context, uri);
  if (template.spec.initContainers?.some(({ name }) => name === containerNames.storageInitializer) === true)
    return template;
  const mount: VolumeMount = { name: provisionVolume, mountPath: modelMountPath, readOnly: isReadOnly(context) };
  return withSpec(mounted(template, mount), {
    volumes: [...(template.spec.volumes ?? []), { name: provisionVolume, emptyDir: {} }],
    initContainers: [...(template.spec.initContainers ?? []), initializer(context, uri)],
  });
};
