// SPDX-License-Identifier: Apache-2.0
// The model's image is itself a volume (Kubernetes' ImageVolume). Source: KServe ConfigureOciNativeToContainer.
import { type Container, ServalError } from "@serval/api";
import type { PodTemplate } from "../context.ts";
import { addVolumes, changeContainers } from "../parts.ts";
import { volumeNameOf } from "../storage/readers.ts";
import type { OciSource } from "./scheme.ts";

function mountedAt(container: Container, path: string, name: string): Container {
  const mounts = container.volumeMounts ?? [];
  const other = mounts.find(({ mountPath }) => mountPath === path);
  if (other !== undefined && other.name !== name)
    throw new ServalError("InvalidStorage", `mountPath "${path}" already used by volume "${other.name}"`, {
      fix: "Mount the other volume elsewhere, or give the model another mountPath in storageUris",
    });
  if (other !== undefined) return container;
  return { ...container, volumeMounts: [...mounts, { name, mountPath: path, subPath: "models", readOnly: true }] };
}

/** @throws ServalError when something else is mounted where the model belongs. */
export function withImageVolume(template: PodTemplate, source: OciSource, readers: readonly string[]): PodTemplate {
  const name = volumeNameOf(source.path);
  return addVolumes(
    changeContainers(template, readers, (container) => mountedAt(container, source.path, name)),
    [{ name, image: { reference: source.image, pullPolicy: "IfNotPresent" } }],
  );
}
