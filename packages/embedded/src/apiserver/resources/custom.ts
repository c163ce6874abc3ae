// SPDX-License-Identifier: Apache-2.0
// A CustomResourceDefinition as served resources: schema, names, subresources, columns, selectable fields.
// Source: k8s.io/apiextensions-apiserver/pkg/registry/customresource
import {
  type AnyObject,
  type CustomResource,
  type CustomResourceDefinition,
  hasRules,
  ruleErrors,
  type SchemaNode,
  servingResources,
} from "@serval/api";
import type { FieldError } from "@serval/kube/patch/contract";
import type { Schema, TypeSchema } from "@serval/kube/schema/schema";
import type { FieldReaders } from "../selector.ts";
import { ageColumn, ageOf, type Column, column, nameColumn } from "../table/column.ts";
import { parseJsonPath } from "../table/json-path.ts";
import { allDefinitions, customFields } from "./built-in.ts";
import type { KindRules, Resource, ScalePaths, View } from "./resource.ts";

type Version = CustomResourceDefinition["spec"]["versions"][number];
type PrinterColumn = NonNullable<Version["additionalPrinterColumns"]>[number];

const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

function cellOf(type: string, value: unknown, now: Date): unknown {
  if (value === undefined || value === null) return null;
  switch (type) {
    case "date":
      return ageOf(value, now);
    case "integer":
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    default:
      return shown(value);
  }
}

function customColumn({ name, type, format, description, priority = 0, jsonPath }: PrinterColumn): Column {
  const find = parseJsonPath(jsonPath);
  return {
    name,
    type: type as Column["type"],
    ...(format === undefined ? {} : { format }),
    ...(description === undefined ? {} : { description }),
    priority,
    cell: (object, now) => cellOf(type, find(object)[0], now),
  };
}

function selectable(version: Version): FieldReaders {
  const fields = (version.selectableFields ?? []).map(({ jsonPath }) => {
    const find = parseJsonPath(jsonPath);
    const read = (object: AnyObject): string => {
      const [value] = find(object);
      return value === undefined || value === null ? "" : String(value);
    };
    return [jsonPath.replace(/^\./, ""), read] as const;
  });
  return { ...customFields, ...Object.fromEntries(fields) };
}

const objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/** The schema of the CRD with the parts of every object that a CRD may leave out. */
function objectSchema(version: Version): TypeSchema {
  const own = (version.schema?.openAPIV3Schema ?? {
    type: "object",
    "x-kubernetes-preserve-unknown-fields": true,
  }) as Schema;
  const properties = {
    apiVersion: { type: "string" } as Schema,
    kind: { type: "string" } as Schema,
    ...own.properties,
    metadata: { $ref: objectMeta } as Schema,
  };
  return { root: { ...own, type: "object", properties }, definitions: allDefinitions };
}

/** Our own kind, whose schema value says more than the CRD made from it. */
const ownKind = ({ spec }: CustomResourceDefinition): CustomResource<AnyObject> | undefined =>
  servingResources.find(({ type }) => type.group === spec.group && type.plural === spec.names.plural) as
    | CustomResource<AnyObject>
    | undefined;

/** How a version that is not stored is read and written; other projects' versions differ in `apiVersion` only. */
function viewOf(definition: CustomResourceDefinition, version: Version): View | undefined {
  if (version.storage) return undefined;
  const { group, versions } = definition.spec;
  const own = ownKind(definition)?.otherVersions?.find(({ name }) => name === version.name);
  if (own !== undefined) return { fromStored: own.fromStored, toStored: own.toStored };
  const stored = versions.find(({ storage }) => storage)?.name ?? version.name;
  return {
    fromStored: (object) => ({ ...object, apiVersion: `${group}/${version.name}` }),
    toStored: (object) => ({ ...object, apiVersion: `${group}/${stored}` }),
  };
}

/** The CEL rules of our own kinds, as functions; those of other projects' CRDs are not evaluated. */
function rulesFor(definition: CustomResourceDefinition, version: Version): KindRules {
  const own = ownKind(definition);
  if (own === undefined) return {};
  const { spec } = own.otherVersions?.find(({ name }) => name === version.name) ?? own;
  const schema: SchemaNode = { properties: { spec: spec as SchemaNode } };
  if (!hasRules(schema)) return {};
  return {
    schemaRules: (next, old) =>
      ruleErrors(schema, next, old).map(
        ({ path, value, message }): FieldError => ({
          path,
          reason: "FieldValueInvalid",
          message: `Invalid value: ${value}: ${message}`,
        }),
      ),
  };
}

function versionResource(definition: CustomResourceDefinition, version: Version): Resource {
  const { group, names, scope } = definition.spec;
  const { status, scale } = version.subresources ?? {};
  const printed = version.additionalPrinterColumns ?? [];
  const view = viewOf(definition, version);
  return {
    type: { group, version: version.name, kind: names.kind, plural: names.plural, namespaced: scope === "Namespaced" },
    singular: names.singular ?? names.kind.toLowerCase(),
    listKind: names.listKind ?? `${names.kind}List`,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    prefix: `${group}/${names.plural}/`,
    schema: objectSchema(version),
    custom: true,
    writable: true,
    subresources: [...(status === undefined ? [] : ["status"]), ...(scale === undefined ? [] : ["scale"])],
    ...(scale === undefined ? {} : { scale: scale as ScalePaths }),
    generation: true,
    fields: selectable(version),
    columns:
      printed.length === 0
        ? [nameColumn, ageColumn]
        : [column("Name", ({ metadata }) => metadata.name, { format: "name" }), ...printed.map(customColumn)],
    rules: rulesFor(definition, version),
    ...(view === undefined ? {} : { view }),
  };
}

/** One resource per served version; they share their storage. */
export const customResources = (definition: CustomResourceDefinition): Resource[] =>
  definition.spec.versions.filter(({ served }) => served).map((version) => versionResource(definition, version));

/** The definition as the API shows it once it is served. */
export function establishedDefinition(definition: CustomResourceDefinition, now: string): AnyObject {
  const { names, versions } = definition.spec;
  const condition = (type: string, reason: string, message: string) => ({
    type,
    status: "True",
    lastTransitionTime: now,
    reason,
    message,
  });
  return {
    ...(definition as unknown as AnyObject),
    status: {
      acceptedNames: names,
      storedVersions: versions.filter(({ storage }) => storage).map(({ name }) => name),
      conditions: [
        condition("NamesAccepted", "NoConflicts", "no conflicts found"),
        condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
      ],
    },
  };
}
