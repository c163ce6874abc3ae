// SPDX-License-Identifier: Apache-2.0
// `serval apply`: server-side apply of files.
import type { AnyObject, Key } from "@serval/api";
import type { Cluster } from "@serval/kube";
import { flagText, type Invocation, type Io, UsageError } from "../command.ts";
import { kindOf, servedKinds } from "../discovery.ts";
import { namespaceOf, withCluster } from "../home.ts";
import { type Manifest, readManifests } from "../manifests.ts";

export interface Applied {
  readonly object: AnyObject;
  readonly change: "created" | "configured" | "unchanged";
}

const word = (object: AnyObject): string => {
  const group = object.apiVersion.includes("/") ? `.${object.apiVersion.split("/")[0]}` : "";
  return `${object.kind.toLowerCase()}${group}/${object.metadata.name}`;
};

/** Applies in the order given. The namespace is filled in where it is missing. */
export async function applyManifests(
  cluster: Cluster,
  manifests: readonly Manifest[],
  namespace: string,
): Promise<Applied[]> {
  const kinds = await servedKinds(cluster);
  const applied: Applied[] = [];
  for (const { object } of manifests) {
    const type = kindOf(kinds, object);
    const key: Key = type.namespaced
      ? { namespace: object.metadata.namespace ?? namespace, name: object.metadata.name }
      : { name: object.metadata.name };
    const before = await cluster.get(type, key);
    const stored = (await cluster.apply(
      type,
      { ...object, metadata: { ...object.metadata, ...key } },
      { fieldManager: "serval-cli", force: true },
    )) as AnyObject;
    const isSame = before?.metadata.resourceVersion === stored.metadata.resourceVersion;
    applied.push({ object: stored, change: before === undefined ? "created" : isSame ? "unchanged" : "configured" });
  }
  return applied;
}

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const file = flagText(invocation.flags, "filename") ?? invocation.positionals[0];
  if (file === undefined) throw new UsageError("Name a file with -f FILE");
  const manifests = await readManifests(file);
  if (manifests.length === 0) throw new UsageError(`"${file}" has no objects`);
  return withCluster(invocation, io, async (cluster) => {
    for (const { object, change } of await applyManifests(cluster, manifests, namespaceOf(invocation)))
      io.out(`${word(object)} ${change}`);
    return 0;
  });
}
