// SPDX-License-Identifier: Apache-2.0
// Metadata that every object of a component shares, and the reference that lets Kubernetes delete it with its owner.
import {
  type InferenceService,
  inferenceServices,
  namespaceOf,
  type ObjectMeta,
  type OwnerReference,
} from "@serval/api";
import type { Component } from "../../controllers/inference-service/component.ts";

export const ownerReference = ({ metadata }: InferenceService): OwnerReference => ({
  apiVersion: `${inferenceServices.group}/${inferenceServices.version}`,
  kind: inferenceServices.kind,
  name: metadata.name ?? "",
  uid: metadata.uid ?? "",
  controller: true,
  blockOwnerDeletion: true,
});

export const objectMeta = (component: Component, isvc: InferenceService): ObjectMeta => ({
  name: component.name,
  namespace: namespaceOf(isvc),
  labels: { ...component.labels },
  annotations: { ...component.annotations },
  ownerReferences: [ownerReference(isvc)],
});
