// SPDX-License-Identifier: Apache-2.0
// One custom kind as a value, and what is emitted from it: the CRD and the JSON Schema for editors.
import type { TSchema } from "typebox";
import type { CustomResourceDefinition, KubeObject, ResourceType } from "../core/index.ts";
import { type SchemaNode, structural } from "./structural.ts";

export interface PrinterColumn {
  name: string;
  type: "string" | "integer" | "boolean" | "date";
  jsonPath: string;
  description?: string;
  priority?: number;
}

/** Everything that Kubernetes knows about a kind of ours. */
export interface CustomResource<T extends KubeObject> {
  readonly type: ResourceType<T>;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly columns: readonly PrinterColumn[];
  readonly description: string;
  readonly spec: TSchema;
  readonly status: TSchema;
  /** `status` is written through its own endpoint. */
  readonly hasStatusSubresource: boolean;
  /** `spec` must be present. */
  readonly requiresSpec?: boolean;
}

/** The whole object's schema, without metadata's (Kubernetes adds its own). */
export function objectSchema(resource: CustomResource<KubeObject>): SchemaNode {
  return {
    description: resource.description,
    type: "object",
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      spec: structural(resource.spec as SchemaNode),
      status: structural(resource.status as SchemaNode),
    },
    ...(resource.requiresSpec === true ? { required: ["spec"] } : {}),
  };
}

/**
 * The CRD of a kind. It is far larger than what client-side `kubectl apply` can remember in an annotation: install with
 * `kubectl apply --server-side`.
 */
export function customResourceDefinition(resource: CustomResource<KubeObject>): CustomResourceDefinition {
  const { type, singular, shortNames, categories, columns, hasStatusSubresource } = resource;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${type.plural}.${type.group}` },
    spec: {
      group: type.group,
      scope: type.namespaced ? "Namespaced" : "Cluster",
      names: {
        kind: type.kind,
        listKind: `${type.kind}List`,
        plural: type.plural,
        singular,
        ...(shortNames.length > 0 ? { shortNames: [...shortNames] } : {}),
        ...(categories.length > 0 ? { categories: [...categories] } : {}),
      },
      versions: [
        {
          name: type.version,
          served: true,
          storage: true,
          additionalPrinterColumns: columns.map((column) => ({ ...column })),
          schema: { openAPIV3Schema: objectSchema(resource) as never },
          ...(hasStatusSubresource ? { subresources: { status: {} } } : {}),
        },
      ],
    },
  };
}

/** Draft 2020-12, for editors that complete and check YAML. */
export function jsonSchema(resource: CustomResource<KubeObject>): SchemaNode {
  const { type } = resource;
  const schema = objectSchema(resource);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: `https://serval.dev/schemas/${type.group}/${type.version}/${type.kind.toLowerCase()}.json`,
    title: type.kind,
    ...schema,
    properties: {
      ...schema.properties,
      apiVersion: { const: `${type.group}/${type.version}` },
      kind: { const: type.kind },
    },
    required: ["apiVersion", "kind", "metadata", ...(schema.required ?? [])],
  };
}
