// SPDX-License-Identifier: Apache-2.0
// What the webhooks' registrations belong to: with the install's ClusterRole they go, by Kubernetes' garbage collector,
// and nothing is left that refuses every write because nobody answers.
import { type OwnerReference, resources } from "@serval/api";
import type { Cluster } from "@serval/kube";

/** Of the operator's ClusterRole, ServiceAccount and Deployment. */
export const installRoleName = "serval-operator";

/** undefined: the operator was not installed by the manifest. @throws ApiError. */
export async function installOwner(cluster: Cluster): Promise<OwnerReference | undefined> {
  const role = await cluster.get(resources.clusterRoles, { name: installRoleName });
  if (role?.metadata.uid === undefined || role.metadata.deletionTimestamp !== undefined) return undefined;
  const { apiVersion, kind } = role;
  return { apiVersion, kind, name: installRoleName, uid: role.metadata.uid };
}
