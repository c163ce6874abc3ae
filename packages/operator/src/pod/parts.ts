// SPDX-License-Identifier: Apache-2.0
// Small edits of containers and pod specs that several stages share. Pure.
import type { Container, EnvVar, Volume, VolumeMount } from "@serval/api";
import { type PodTemplate, withContainers, withSpec } from "./context.ts";

/** A container under construction with the volumes that its pod needs for it. */
export interface Draft {
  readonly container: Container;
  readonly volumes: readonly Volume[];
}

export const textEnv = (name: string, value: string): EnvVar => ({ name, value });

export const secretEnv = (name: string, secret: string, key = name): EnvVar => ({
  name,
  valueFrom: { secretKeyRef: { name: secret, key } },
});

/** New values replace old ones of the same name where they stand; new names come last. */
export function mergedEnv(base: readonly EnvVar[] | undefined, over: readonly EnvVar[]): EnvVar[] {
  const pending = new Map(over.map((entry) => [entry.name, entry]));
  const kept = (base ?? []).map((entry) => {
    const found = pending.get(entry.name);
    pending.delete(entry.name);
    return found ?? entry;
  });
  return [...kept, ...pending.values()];
}

/** Only names that are not there yet. */
export function completedEnv(base: readonly EnvVar[] | undefined, defaults: readonly EnvVar[]): EnvVar[] {
  const present = new Set((base ?? []).map(({ name }) => name));
  return [...(base ?? []), ...defaults.filter(({ name }) => !present.has(name))];
}

export const withEnv = (container: Container, env: readonly EnvVar[]): Container =>
  env.length === 0 ? container : { ...container, env: mergedEnv(container.env, env) };

/** Nothing when something is mounted at that path already. */
export function withMount(container: Container, mount: VolumeMount): Container {
  const mounts = container.volumeMounts ?? [];
  if (mounts.some(({ mountPath }) => mountPath === mount.mountPath)) return container;
  return { ...container, volumeMounts: [...mounts, mount] };
}

export const withVolume = (volumes: readonly Volume[] | undefined, volume: Volume): Volume[] =>
  (volumes ?? []).some(({ name }) => name === volume.name) ? [...(volumes ?? [])] : [...(volumes ?? []), volume];

export const addVolumes = (template: PodTemplate, added: readonly Volume[]): PodTemplate =>
  added.length === 0
    ? template
    : withSpec(template, {
        volumes: added.reduce<Volume[]>(
          (volumes, volume) => withVolume(volumes, volume),
          [...(template.spec.volumes ?? [])],
        ),
      });

/** Changes the containers of these names; the others stay. */
export const changeContainers = (
  template: PodTemplate,
  names: readonly string[],
  change: (container: Container) => Container,
): PodTemplate =>
  withContainers(template, (container) => (names.includes(container.name) ? change(container) : container));
