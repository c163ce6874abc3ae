// SPDX-License-Identifier: Apache-2.0
// All served resources, found by group, version and plural.
import type { CustomResourceDefinition } from "@serval/api";
import { builtInResources } from "./built-in.ts";
import { customResources } from "./custom.ts";
import type { Resource } from "./resource.ts";

export interface Registry {
  readonly resources: readonly Resource[];
  find(group: string, version: string, plural: string): Resource | undefined;
  /** By kind: for scale targets and owner references. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
}

const versionRank = (version: string): number => {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (match === null) return -1;
  const stage = match[2] === undefined ? 2 : match[2] === "beta" ? 1 : 0;
  return stage * 1e6 + Number(match[1]) * 1e3 + Number(match[3] ?? 0);
};

/** @throws Error when two definitions claim the same resource. */
export function createRegistry(definitions: readonly CustomResourceDefinition[]): Registry {
  const served = [...builtInResources(), ...definitions.flatMap(customResources)];
  const byPath = new Map<string, Resource>();
  const groups = new Map<string, string[]>();
  for (const resource of served) {
    const { group, version, plural } = resource.type;
    const path = `${group}/${version}/${plural}`;
    if (byPath.has(path)) throw new Error(`Cannot serve ${path}: two definitions claim it; remove one of them`);
    byPath.set(path, resource);
    const versions = groups.get(group) ?? [];
    if (!versions.includes(version)) versions.push(version);
    groups.set(group, versions);
  }
  for (const versions of groups.values()) versions.sort((a, b) => versionRank(b) - versionRank(a));
  return { resources: served, groups, find: (group, version, plural) => byPath.get(`${group}/${version}/${plural}`) };
}
