// SPDX-License-Identifier: Apache-2.0
// OpenAPI v3 documents per group and version: what kubectl needs for field validation, strategic merge and explain.
// Source: k8s.io/kube-openapi/pkg/handler3, k8s.io/apiserver/pkg/endpoints/installer.go
import { createHash } from "node:crypto";
import type { Schema } from "@serval/kube/schema/schema";
import { allDefinitions } from "../resources/built-in.ts";
import type { Registry } from "../resources/registry.ts";
import type { Resource } from "../resources/resource.ts";
import { groupVersionPath } from "./discovery.ts";

const patchTypes = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
];

/** Reversed domain, as Kubernetes names the schema of a custom kind. */
const customName = ({ type }: Resource): string =>
  `${type.group.split(".").reverse().join(".")}.${type.version}.${type.kind}`;
const schemaName = (resource: Resource): string => resource.definition ?? customName(resource);

/** `$ref`s of the generated definitions in OpenAPI's spelling; siblings of a `$ref` move around an `allOf`. */
function openApiSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(openApiSchema);
  if (typeof schema !== "object" || schema === null) return schema;
  const { $ref, ...rest } = schema as Record<string, unknown>;
  const others = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, openApiSchema(value)]));
  if (typeof $ref !== "string") return others;
  const reference = { $ref: `#/components/schemas/${$ref}` };
  return Object.keys(others).length === 0 ? reference : { ...others, allOf: [reference] };
}

function collectReferences(schema: unknown, found: Set<string>): void {
  if (typeof schema !== "object" || schema === null) return;
  for (const [key, value] of Object.entries(schema)) {
    if (key === "$ref" && typeof value === "string") {
      if (found.has(value)) continue;
      found.add(value);
      collectReferences(allDefinitions[value], found);
    } else collectReferences(value, found);
  }
}

function schemasOf(resources: readonly Resource[]): Record<string, unknown> {
  const names = new Set<string>();
  const schemas: Record<string, unknown> = {};
  for (const resource of resources) {
    const { group, version, kind } = resource.type;
    const root =
      resource.definition === undefined ? resource.schema.root : (allDefinitions[resource.definition] as Schema);
    collectReferences(root, names);
    schemas[schemaName(resource)] = {
      ...(openApiSchema(root) as object),
      "x-kubernetes-group-version-kind": [{ group, version, kind }],
    };
  }
  for (const name of names) schemas[name] ??= openApiSchema(allDefinitions[name]);
  return schemas;
}

const queryParameter = (name: string) => ({ name, in: "query", schema: { type: "string", uniqueItems: true } });
const writeParameters = ["dryRun", "fieldManager", "fieldValidation"].map(queryParameter);

function operations(resource: Resource): Record<string, unknown> {
  const { group, version, kind, namespaced, plural } = resource.type;
  const root = `/${groupVersionPath(resource)}`;
  const collection = namespaced ? `${root}/namespaces/{namespace}/${plural}` : `${root}/${plural}`;
  const about = { "x-kubernetes-group-version-kind": { group, version, kind } };
  const body = { $ref: `#/components/schemas/${schemaName(resource)}` };
  const answer = { responses: { 200: { description: "OK", content: { "application/json": { schema: body } } } } };
  const sent = (mediaTypes: readonly string[], schema: unknown) => ({
    content: Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, { schema }])),
  });
  const patches = resource.custom ? patchTypes.filter((mediaType) => !mediaType.includes("strategic")) : patchTypes;
  const action = (verb: string, rest: object = {}) => ({ ...about, "x-kubernetes-action": verb, ...answer, ...rest });
  const write = resource.writable;
  return {
    [collection]: {
      get: action("list"),
      ...(write ? { post: action("post", { parameters: writeParameters, requestBody: sent(["*/*"], body) }) } : {}),
    },
    [`${collection}/{name}`]: {
      get: action("get"),
      ...(write
        ? {
            put: action("put", { parameters: writeParameters, requestBody: sent(["*/*"], body) }),
            patch: action("patch", {
              parameters: [...writeParameters, queryParameter("force")],
              requestBody: sent(patches, { type: "object" }),
            }),
            delete: action("delete"),
          }
        : {}),
    },
  };
}

export interface OpenApi {
  index(): unknown;
  /** @param path `api/v1`, `apis/apps/v1`; undefined: not served. */
  document(path: string): unknown;
}

/** Documents are made when first asked for and kept: resources never change while the server runs. */
export function createOpenApi(registry: Registry, version: string): OpenApi {
  const byPath = new Map<string, Resource[]>();
  for (const resource of registry.resources) {
    const path = groupVersionPath(resource);
    byPath.set(path, [...(byPath.get(path) ?? []), resource]);
  }
  const documents = new Map<string, unknown>();
  const make = (resources: readonly Resource[]): unknown => ({
    openapi: "3.0.0",
    info: { title: "Kubernetes", version },
    paths: Object.assign({}, ...resources.map(operations)),
    components: { schemas: schemasOf(resources) },
  });
  /** kubectl caches a document by the hash in its address. */
  const hash = (resources: readonly Resource[]): string =>
    createHash("sha256")
      .update(version)
      .update(JSON.stringify(resources.map(({ type, schema }) => [type, schema.root])))
      .digest("hex")
      .toUpperCase();
  return {
    index: () => ({
      paths: Object.fromEntries(
        [...byPath].map(([path, resources]) => [
          path,
          { serverRelativeURL: `/openapi/v3/${path}?hash=${hash(resources)}` },
        ]),
      ),
    }),
    document(path) {
      const resources = byPath.get(path);
      if (resources === undefined) return undefined;
      const known = documents.get(path) ?? make(resources);
      documents.set(path, known);
      return known;
    },
  };
}
