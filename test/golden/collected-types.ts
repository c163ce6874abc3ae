// SPDX-License-Identifier: Apache-2.0
// The kinds that garbage collection and namespace deletion look after.
import type { CustomResourceDefinition, ResourceType } from "@serval/api";
import { createRegistry } from "@serval/embedded/apiserver/resources/registry.ts";

/** Seen through another version, or never owned by anything. */
const skipped = new Set(["Event", "CustomResourceDefinition", "Lease", "Node"]);

export function collectedTypes(crds: readonly CustomResourceDefinition[]): ResourceType[] {
  const byKind = new Map<string, ResourceType>();
  for (const { type } of createRegistry(crds).resources)
    if (!skipped.has(type.kind)) byKind.set(`${type.group}/${type.kind}`, type);
  return [...byKind.values()];
}
