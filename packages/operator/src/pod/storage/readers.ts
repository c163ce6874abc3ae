// SPDX-License-Identifier: Apache-2.0
// Who reads the model, and where it is mounted for them.
import {
  annotations,
  type Container,
  containerNames,
  modelMountPath,
  ServalError,
  type VolumeMount,
} from "@serval/api";
import { findContainer, type PodContext, type PodTemplate } from "../context.ts";
import { changeContainers, withMount } from "../parts.ts";

/** The model's container (of a worker: the worker's) and a collocated transformer. @throws ServalError when none. */
export function readersOf(template: PodTemplate): string[] {
  const model = findContainer(template, containerNames.model, containerNames.worker);
  if (model === undefined)
    throw new ServalError("InvalidPredictorSpec", "Invalid configuration: cannot find container", {
      fix: "Name the container that reads the model kserve-container",
    });
  const transformer = findContainer(template, containerNames.transformer);
  return transformer === undefined ? [model.name] : [model.name, transformer.name];
}

/** Read-only unless the annotation says exactly "false". */
export const isReadOnly = ({ isvc, component }: PodContext): boolean =>
  (component.annotations?.[annotations.storageReadonly] ?? isvc.metadata.annotations?.[annotations.storageReadonly]) !==
  "false";

export const mounted = (template: PodTemplate, mount: VolumeMount): PodTemplate =>
  changeContainers(template, readersOf(template), (container) => withMount(container, mount));

/** KServe: a container that names its own source sees the path where it was put. */
const withLocalSource = (container: Container): Container =>
  container.env === undefined
    ? container
    : {
        ...container,
        env: container.env.map((entry) =>
          entry.name === "STORAGE_URI" && entry.value !== undefined && entry.value !== ""
            ? { ...entry, value: modelMountPath }
            : entry,
        ),
      };

export const withLocalSources = (template: PodTemplate): PodTemplate =>
  changeContainers(template, readersOf(template), withLocalSource);

/** KServe names a volume by the path where it is mounted: /mnt/models is mnt-models. */
export const volumeNameOf = (path: string): string => path.replace(/^\/+|\/+$/g, "").replaceAll("/", "-");
