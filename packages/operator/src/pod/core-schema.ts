// SPDX-License-Identifier: Apache-2.0
// Strategic merges of containers and pod specs, as Kubernetes' own schema says their lists merge.
import type { Container, PodSpec } from "@serval/api";
import definitions from "@serval/api/core/kubernetes-schemas.gen.json" with { type: "json" };
import { strategicMergePatch } from "@serval/kube/patch/index.ts";
import type { Schema, TypeSchema } from "@serval/kube/schema/schema.ts";

const typeSchema = (name: string): TypeSchema => ({
  root: { $ref: `io.k8s.api.core.v1.${name}` },
  definitions: definitions as unknown as Readonly<Record<string, Schema>>,
});
const containerSchema = typeSchema("Container");
const podSpecSchema = typeSchema("PodSpec");

type Json = { [key: string]: unknown };

/** Empty values say nothing: a user cannot unset what the base sets (KServe marshals with omitempty). */
function withoutEmpty(patch: object): Json {
  const isEmpty = (value: unknown): boolean =>
    value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(patch).filter(([, value]) => !isEmpty(value)));
}

/** `over` wins; a variable with `value` there drops `valueFrom` of the base and the other way round. */
export function mergeContainers(base: Container, over: Partial<Container>): Container {
  const merged = strategicMergePatch(
    base as unknown as Json,
    withoutEmpty(over),
    containerSchema,
  ) as unknown as Container;
  const mine = new Map((over.env ?? []).map((entry) => [entry.name, entry]));
  if (merged.env === undefined) return merged;
  return { ...merged, env: merged.env.map((entry) => mine.get(entry.name) ?? entry) };
}

export const mergePodSpecs = (base: Partial<PodSpec>, over: Partial<PodSpec>): PodSpec =>
  strategicMergePatch(base as Json, withoutEmpty(over), podSpecSchema) as unknown as PodSpec;
