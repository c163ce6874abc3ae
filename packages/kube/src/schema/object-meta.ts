// SPDX-License-Identifier: Apache-2.0
// The schema of `metadata`. CRD schemas leave it out and Kubernetes adds it, also inside embedded resources
// (apiextensions-apiserver pkg/controller/openapi/builder).
import type { Schema } from "./schema.ts";

const string: Schema = { type: "string" };
const stringMap: Schema = { type: "object", additionalProperties: string };

const ownerReference: Schema = {
  type: "object",
  required: ["apiVersion", "kind", "name", "uid"],
  properties: {
    apiVersion: string,
    blockOwnerDeletion: { type: "boolean" },
    controller: { type: "boolean" },
    kind: string,
    name: string,
    uid: { ...string, default: "" },
  },
  "x-kubernetes-map-type": "atomic",
};

const managedFieldsEntry: Schema = {
  type: "object",
  properties: {
    apiVersion: string,
    fieldsType: string,
    fieldsV1: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    manager: string,
    operation: string,
    subresource: string,
    time: { type: "string", format: "date-time" },
  },
};

export const objectMetaSchema: Schema = {
  type: "object",
  properties: {
    annotations: stringMap,
    creationTimestamp: { type: "string", format: "date-time", nullable: true },
    deletionGracePeriodSeconds: { type: "integer", format: "int64" },
    deletionTimestamp: { type: "string", format: "date-time", nullable: true },
    finalizers: { type: "array", items: string, "x-kubernetes-list-type": "set" },
    generateName: string,
    generation: { type: "integer", format: "int64" },
    labels: stringMap,
    managedFields: { type: "array", items: managedFieldsEntry, "x-kubernetes-list-type": "atomic" },
    name: string,
    namespace: string,
    ownerReferences: {
      type: "array",
      items: ownerReference,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["uid"],
    },
    resourceVersion: string,
    selfLink: string,
    uid: string,
  },
};

/** The fields of every object that a schema need not name. */
export const resourceProperties: Readonly<Record<string, Schema>> = {
  apiVersion: string,
  kind: string,
  metadata: objectMetaSchema,
};
