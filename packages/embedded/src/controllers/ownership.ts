// SPDX-License-Identifier: Apache-2.0
// Who owns whom: controller references and the questions asked about them. Pure.
import type { KubeObject, OwnerReference } from "@serval/api";

export const controllerOf = (object: KubeObject): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find((owner) => owner.controller === true);

export const isControlledBy = (object: KubeObject, owner: KubeObject): boolean =>
  controllerOf(object)?.uid === owner.metadata.uid;

export const controllerReference = (owner: KubeObject): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid ?? "",
  controller: true,
  blockOwnerDeletion: true,
});

export const isDeleting = (object: KubeObject): boolean => object.metadata.deletionTimestamp !== undefined;
