// SPDX-License-Identifier: Apache-2.0
// `serval delete`: an InferenceService by name, another object by kind and name, or the objects of a file.
import type { Key, ResourceType } from "@serval/api";
import { CommandError, flagText, type Invocation, type Io, UsageError } from "../command.ts";
import { findKind, kindOf, servedKinds } from "../discovery.ts";
import { namespaceOf, withCluster } from "../home.ts";
import { readManifests } from "../manifests.ts";

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const file = flagText(invocation.flags, "filename");
  const [first, ...rest] = invocation.positionals;
  if (file === undefined && first === undefined)
    throw new UsageError("Name an InferenceService, or a file with -f FILE");
  return withCluster(invocation, io, async (cluster) => {
    const kinds = await servedKinds(cluster);
    const namespace = namespaceOf(invocation);
    const scoped = (type: ResourceType, name: string, space = namespace): Key =>
      type.namespaced ? { namespace: space, name } : { name };
    const targets =
      file !== undefined
        ? (await readManifests(file)).map(({ object }) => {
            const type = kindOf(kinds, object);
            return { type, key: scoped(type, object.metadata.name, object.metadata.namespace) };
          })
        : rest.length === 0
          ? [{ type: findKind(kinds, "inferenceservices"), key: { namespace, name: first as string } }]
          : rest.map((name) => {
              const type = findKind(kinds, first as string);
              return { type, key: scoped(type, name) };
            });
    for (const { type, key } of targets) {
      if ((await cluster.get(type, key)) === undefined)
        throw new CommandError(`${type.plural} "${key.name}" not found`);
      await cluster.delete(type, key);
      io.out(`${type.kind.toLowerCase()} "${key.name}" deleted`);
    }
    return 0;
  });
}
