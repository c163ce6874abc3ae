// SPDX-License-Identifier: Apache-2.0
// The built-in kinds that the embedded API server serves, one row each. Schemas are Kubernetes' own.
import { type AnyObject, apiVersionOf, type ResourceType, resources } from "@serval/api";
import schemas from "@serval/api/core/kubernetes-schemas.gen.json" with { type: "json" };
import type { Schema, TypeSchema } from "@serval/kube/schema/schema";
import * as kinds from "../kinds/index.ts";
import type { FieldReaders } from "../selector.ts";
import { type Column, defaultColumns } from "../table/column.ts";
import * as core from "../table/core-columns.ts";
import * as groups from "../table/group-columns.ts";
import type { KindRules, Resource, ScalePaths, View } from "./resource.ts";
import zeroValues from "./zero-values.gen.json" with { type: "json" };

const zeros = zeroValues as unknown as Readonly<Record<string, AnyObject>>;
const definitions = schemas as unknown as Readonly<Record<string, Schema>>;

export const definedSchema = (name: string): TypeSchema => ({ root: { $ref: name }, definitions });
export const allDefinitions = definitions;

/** Columns that Kubernetes generates names for: `io.k8s.api.<group>.<version>.<Kind>`. */
function definitionName({ group, version, kind }: ResourceType): string {
  if (group === "apiextensions.k8s.io")
    return `io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.${version}.${kind}`;
  const folder = group === "" ? "core" : group.replace(/\.k8s\.io$/, "");
  return `io.k8s.api.${folder}.${version}.${kind}`;
}

interface Row {
  readonly type: ResourceType;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly string[];
  readonly columns?: readonly Column[];
  readonly rules?: KindRules;
  readonly generation?: boolean;
  readonly fields?: FieldReaders;
  readonly scale?: ScalePaths;
  readonly writable?: boolean;
  readonly view?: View;
  readonly prefix?: string;
}

const scalePaths: ScalePaths = {
  specReplicasPath: ".spec.replicas",
  statusReplicasPath: ".status.replicas",
  labelSelectorPath: ".spec.selector",
};

const at =
  (...path: readonly string[]) =>
  (object: AnyObject): string => {
    let value: unknown = object;
    for (const key of path) value = (value as Record<string, unknown> | undefined)?.[key];
    return value === undefined || value === null ? "" : String(value);
  };

const metadataFields: FieldReaders = {
  "metadata.name": at("metadata", "name"),
  "metadata.namespace": at("metadata", "namespace"),
};
export const customFields = metadataFields;

const podFields: FieldReaders = {
  "spec.nodeName": at("spec", "nodeName"),
  "spec.restartPolicy": at("spec", "restartPolicy"),
  "spec.schedulerName": at("spec", "schedulerName"),
  "spec.serviceAccountName": at("spec", "serviceAccountName"),
  "spec.hostNetwork": (object) => at("spec", "hostNetwork")(object) || "false",
  "status.phase": at("status", "phase"),
  "status.podIP": at("status", "podIP"),
  "status.nominatedNodeName": at("status", "nominatedNodeName"),
};

const involved = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"] as const;
const aboutFields = (prefix: string): FieldReaders =>
  Object.fromEntries(involved.map((field) => [`${prefix}.${field}`, at("involvedObject", field)]));
const eventFields: FieldReaders = {
  reason: at("reason"),
  type: at("type"),
  reportingComponent: (object) => at("source", "component")(object) || at("reportingComponent")(object),
  source: (object) => at("source", "component")(object) || at("reportingComponent")(object),
};

const all = ["all"];
const rows: readonly Row[] = [
  {
    type: resources.namespaces,
    shortNames: ["ns"],
    subresources: ["status", "finalize"],
    columns: core.namespaceColumns,
    rules: kinds.namespaceRules,
    fields: { "status.phase": at("status", "phase") },
  },
  { type: resources.configMaps, shortNames: ["cm"], columns: core.configMapColumns, rules: kinds.configMapRules },
  { type: resources.secrets, columns: core.secretColumns, rules: kinds.secretRules, fields: { type: at("type") } },
  { type: resources.serviceAccounts, shortNames: ["sa"], columns: core.serviceAccountColumns },
  {
    type: resources.services,
    shortNames: ["svc"],
    categories: all,
    subresources: ["status"],
    columns: core.serviceColumns,
    rules: kinds.serviceRules,
    fields: { "spec.clusterIP": at("spec", "clusterIP"), "spec.type": at("spec", "type") },
  },
  {
    type: resources.pods,
    shortNames: ["po"],
    categories: all,
    subresources: ["status", "log", "binding"],
    columns: core.podColumns,
    rules: kinds.podRules,
    generation: true,
    fields: podFields,
  },
  {
    type: resources.persistentVolumes,
    shortNames: ["pv"],
    subresources: ["status"],
    columns: core.volumeColumns,
    rules: kinds.volumeRules,
  },
  {
    type: resources.persistentVolumeClaims,
    shortNames: ["pvc"],
    subresources: ["status"],
    columns: core.claimColumns,
    rules: kinds.claimRules,
  },
  {
    type: resources.coreEvents,
    shortNames: ["ev"],
    columns: core.eventColumns,
    rules: kinds.coreEventRules,
    fields: { ...eventFields, ...aboutFields("involvedObject") },
  },
  {
    type: resources.nodes,
    shortNames: ["no"],
    subresources: ["status"],
    columns: core.nodeColumns,
    rules: kinds.nodeRules,
    fields: { "spec.unschedulable": (object) => at("spec", "unschedulable")(object) || "false" },
  },
  {
    type: resources.resourceQuotas,
    shortNames: ["quota"],
    subresources: ["status"],
    columns: core.quotaColumns,
  },
  {
    type: resources.endpointSlices,
    columns: groups.endpointSliceColumns,
    rules: kinds.endpointSliceRules,
    generation: true,
  },
  {
    type: resources.events,
    shortNames: ["ev"],
    columns: core.eventColumns,
    rules: kinds.groupEventRules,
    view: kinds.eventsView,
    prefix: "core/events/",
    fields: {
      ...eventFields,
      reportingController: eventFields["reportingComponent"] as (object: AnyObject) => string,
      ...aboutFields("regarding"),
    },
  },
  {
    type: resources.deployments,
    shortNames: ["deploy"],
    categories: all,
    subresources: ["status", "scale"],
    columns: groups.deploymentColumns,
    rules: kinds.deploymentRules,
    generation: true,
    scale: scalePaths,
  },
  {
    type: resources.replicaSets,
    shortNames: ["rs"],
    categories: all,
    subresources: ["status", "scale"],
    columns: groups.replicaSetColumns,
    rules: kinds.replicaSetRules,
    generation: true,
    scale: scalePaths,
    fields: { "status.replicas": at("status", "replicas") },
  },
  {
    type: resources.horizontalPodAutoscalers,
    shortNames: ["hpa"],
    categories: all,
    subresources: ["status"],
    columns: groups.autoscalerColumns,
    rules: kinds.autoscalerRules,
  },
  { type: resources.leases, columns: groups.leaseColumns },
  {
    type: resources.ingresses,
    shortNames: ["ing"],
    subresources: ["status"],
    columns: groups.ingressColumns,
    rules: kinds.ingressRules,
    generation: true,
  },
  {
    type: resources.customResourceDefinitions,
    shortNames: ["crd", "crds"],
    categories: ["api-extensions"],
    columns: groups.definitionColumns,
    writable: false,
  },
];

function toResource(row: Row): Resource {
  const { type } = row;
  const definition = definitionName(type);
  const apiVersion = apiVersionOf(type);
  const zero = zeros[`${apiVersion}/${type.kind}`];
  return {
    type,
    singular: type.kind.toLowerCase(),
    listKind: `${type.kind}List`,
    shortNames: row.shortNames ?? [],
    categories: row.categories ?? [],
    prefix: row.prefix ?? `${type.group === "" ? "core" : type.group}/${type.plural}/`,
    schema: definedSchema(definition),
    definition,
    ...(zero === undefined ? {} : { zero: { ...zero, apiVersion, kind: type.kind } }),
    custom: false,
    writable: row.writable ?? true,
    subresources: row.subresources ?? [],
    generation: row.generation ?? false,
    fields: { ...metadataFields, ...row.fields },
    columns: row.columns ?? defaultColumns,
    rules: row.rules ?? {},
    ...(row.scale === undefined ? {} : { scale: row.scale }),
    ...(row.view === undefined ? {} : { view: row.view }),
  };
}

/** What the server keeps besides custom kinds. */
export const builtInTypes: readonly ResourceType[] = rows.map(({ type }) => type);

export const builtInResources = (): Resource[] => rows.map(toResource);
