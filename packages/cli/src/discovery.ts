// SPDX-License-Identifier: Apache-2.0
// Which kinds a cluster serves and how people call them: from the API's own discovery documents.
import type { KubeObject, ResourceType } from "@serval/api";
import { type Cluster, expectSuccess } from "@serval/kube";
import { CommandError, nearest } from "./command.ts";

interface ApiResource {
  name: string;
  singularName: string;
  namespaced: boolean;
  kind: string;
  shortNames?: string[];
  categories?: string[];
}

export interface ServedKind {
  readonly type: ResourceType;
  readonly names: readonly string[];
}

const groupVersion = (text: string): { group: string; version: string } => {
  const slash = text.indexOf("/");
  return slash < 0 ? { group: "", version: text } : { group: text.slice(0, slash), version: text.slice(slash + 1) };
};

interface ApiGroup {
  readonly versions: readonly { readonly groupVersion: string }[];
  readonly preferredVersion: { readonly groupVersion: string };
}

/** All versions of a group, the preferred one first: some kinds (ServingRuntime) are only in another one. */
const versionsOf = ({ versions, preferredVersion }: ApiGroup): string[] => [
  ...new Set([preferredVersion.groupVersion, ...versions.map(({ groupVersion: version }) => version)]),
];

/** Every kind in every version; a kind's preferred version comes first. */
export async function servedKinds(cluster: Cluster): Promise<ServedKind[]> {
  const read = async (path: string): Promise<unknown> =>
    expectSuccess(await cluster.transport.send({ method: "GET", path })).body;
  const groups = (await read("/apis")) as { groups: ApiGroup[] };
  const versions = ["v1", ...groups.groups.flatMap(versionsOf)];
  const lists = await Promise.all(
    versions.map(async (text) => {
      const list = (await read(text === "v1" ? "/api/v1" : `/apis/${text}`)) as { resources: ApiResource[] };
      return list.resources
        .filter(({ name }) => !name.includes("/"))
        .map(
          (resource): ServedKind => ({
            type: {
              ...groupVersion(text),
              kind: resource.kind,
              plural: resource.name,
              namespaced: resource.namespaced,
            },
            names: [
              resource.name,
              resource.singularName,
              resource.kind.toLowerCase(),
              ...(resource.shortNames ?? []),
              `${resource.name}.${groupVersion(text).group}`,
            ],
          }),
        );
    }),
  );
  return lists.flat();
}

/** @throws CommandError with the nearest name. */
export function findKind(kinds: readonly ServedKind[], name: string): ResourceType {
  const wanted = name.toLowerCase();
  const found = kinds.find(({ names }) => names.includes(wanted));
  if (found !== undefined) return found.type;
  const close = nearest(
    wanted,
    kinds.flatMap(({ names }) => names),
  );
  throw new CommandError(`The server has no kind "${name}"${close === undefined ? "" : `; did you mean "${close}"?`}`);
}

/** The kind of an object from a file. @throws CommandError when it is not served. */
export function kindOf(kinds: readonly ServedKind[], object: KubeObject): ResourceType {
  const { group, version } = groupVersion(object.apiVersion);
  const ofKind = kinds.filter(({ type }) => type.kind === object.kind && type.group === group);
  const found = ofKind.find(({ type }) => type.version === version) ?? ofKind[0];
  if (found === undefined) {
    throw new CommandError(
      `The server has no kind "${object.kind}" in "${object.apiVersion}"\nFix: check apiVersion and kind; serval get lists what can be named with kubectl api-resources`,
    );
  }
  return { ...found.type, version };
}
