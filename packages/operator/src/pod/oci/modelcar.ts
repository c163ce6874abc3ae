// SPDX-License-Identifier: Apache-2.0
// A sidecar of the model's image shares its file system through the process namespace: nothing is copied.
// Source: KServe ConfigureModelcarToContainer; the shell lines are those of its sidecars, which images are tested with.
import { posix } from "node:path";
import { type Container, modelMountPath, type ServingConfig, type VolumeMount } from "@serval/api";
import { type PodContext, type PodTemplate, withSpec } from "../context.ts";
import { addVolumes, changeContainers, textEnv, withEnv, withMount } from "../parts.ts";
import type { OciSource } from "./scheme.ts";

const volumeName = "kserve-provision-location";
const baseName = "modelcar";

/** The n-th model of a pod: the first has plain names. */
const suffixed = (name: string, index: number): string => (index === 0 ? name : `${name}-${index}`);

function carResources({ storageInitializer: { cpuModelcar, memoryModelcar } }: ServingConfig): Container["resources"] {
  const amounts = { cpu: cpuModelcar || "10m", memory: memoryModelcar || "15Mi" };
  return { limits: { ...amounts }, requests: { ...amounts } };
}

function withUser(container: Container, { storageInitializer: { uidModelcar } }: ServingConfig): Container {
  if (uidModelcar === undefined) return container;
  return { ...container, securityContext: { ...container.securityContext, runAsUser: uidModelcar } };
}

const checkScript = (image: string): string =>
  `echo 'Pre-fetching modelcar ${image}: ' && [ -d /models ] && [ "$$(ls -A /models)" ] && echo 'OK ... Prefetched and valid (/models exists)' || (echo 'NOK ... Prefetched but modelcar is invalid (/models does not exist or is empty)' && exit 1)`;

/** `$$$$` is the shell's own process id once Kubernetes has read it. */
function linkScript(path: string): string {
  const link = `ln -sf /proc/$$$$/root/models ${path} && sleep infinity`;
  return path === modelMountPath ? link : `mkdir -p ${posix.dirname(path)} && ${link}`;
}

function car(name: string, { image, script }: { image: string; script: string }, config: ServingConfig): Container {
  return {
    name,
    image,
    args: ["sh", "-c", script],
    resources: carResources(config),
    terminationMessagePolicy: "FallbackToLogsOnError",
  };
}

/** Both images must be there before the model's server starts, which waits for the link. */
export function withModelcar(
  template: PodTemplate,
  { image, path }: OciSource,
  { config, readers, index }: Pick<PodContext, "config"> & { readers: readonly string[]; index: number },
): PodTemplate {
  const volume = suffixed(volumeName, index);
  const mount: VolumeMount = { name: volume, mountPath: posix.dirname(path) };
  const target = changeContainers(template, readers, (container) =>
    withUser(withMount(withEnv(container, [textEnv("MODEL_INIT_MODE", "async")]), mount), config),
  );
  const sidecar = withUser(
    { ...car(suffixed(baseName, index), { image, script: linkScript(path) }, config), volumeMounts: [mount] },
    config,
  );
  const init = car(suffixed(`${baseName}-init`, index), { image, script: checkScript(image) }, config);
  return addVolumes(
    withSpec(target, {
      shareProcessNamespace: true,
      initContainers: [...(target.spec.initContainers ?? []), init],
      containers: [...target.spec.containers, sidecar],
    }),
    [{ name: volume, emptyDir: {} }],
  );
}
