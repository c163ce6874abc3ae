// SPDX-License-Identifier: Apache-2.0
// One custom kind as a value, and what is emitted from it: the CRD and the JSON Schema for editors.
import type { TSchema } from "typebox";
import type { AnyObject, CustomResourceDefinition, KubeObject, ResourceType } from "../core/index.ts";
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
  /** Absent: the kind has none. */
  readonly status?: TSchema;
  /** `status` is written through its own endpoint. */
  readonly hasStatusSubresource: boolean;
  /** `spec` must be present. */
  readonly requiresSpec?: boolean;
  /** Fields beside `spec` and `status`. */
  readonly ownFields?: Readonly<Record<string, TSchema>>;
  /** Versions that are served besides the stored one. */
  readonly otherVersions?: readonly OtherVersion[];
}

/** A served version that is not stored: its own schema, and how it becomes the stored one and back. Both are pure. */
export interface OtherVersion {
  readonly name: string;
  readonly spec: TSchema;
  readonly status: TSchema;
  readonly fromStored: (object: AnyObject) => AnyObject;
  readonly toStored: (object: AnyObject) => AnyObject;
}

type VersionSchemas = { readonly spec: TSchema; readonly status?: TSchema };

/** The whole object's schema, without metadata's (Kubernetes adds its own). `version`: the stored one when absent. */
export function objectSchema(resource: CustomResource<KubeObject>, version: VersionSchemas = resource): SchemaNode {
  const own = Object.entries(resource.ownFields ?? {}).map(
    ([name, schema]) => [name, structural(schema as SchemaNode)] as const,
  );
  return {
    description: resource.description,
    type: "object",
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      ...Object.fromEntries(own),
      spec: structural(version.spec as SchemaNode),
      ...(version.status === undefined ? {} : { status: structural(version.status as SchemaNode) }),
    },
    ...(resource.requiresSpec === true ? { required: ["spec"] } : {}),
  };
}

type CrdVersion = CustomResourceDefinition["spec"]["versions"][number];

function crdVersion(resource: CustomResource<KubeObject>, name: string, version: VersionSchemas): CrdVersion {
  const { columns, hasStatusSubresource, type } = resource;
  return {
    name,
    served: true,
    storage: name === type.version,
    ...(columns.length > 0 ? { additionalPrinterColumns: columns.map((column) => ({ ...column })) } : {}),
    schema: { openAPIV3Schema: objectSchema(resource, version) as never },
    ...(hasStatusSubresource ? { subresources: { status: {} } } : {}),
  };
}

/**
 * The CRD of a kind. It is far larger than what client-side `kubectl apply` can remember in an annotation: install with
 * `kubectl apply --server-side`.
 */
export function customResourceDefinition(resource: CustomResource<KubeObject>): CustomResourceDefinition {
  const { type, singular, shortNames, categories } = resource;
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
        crdVersion(resource, type.version, resource),
        ...(resource.otherVersions ?? []).map((version) => crdVersion(resource, version.name, version)),
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
