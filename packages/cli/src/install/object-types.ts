// SPDX-License-Identifier: Apache-2.0
// Where the kinds of an install live in the API.
import { type AnyObject, type ResourceType, resources } from "@serval/api";

const rbac = "rbac.authorization.k8s.io";

const named = (group: string, kind: string, plural: string): ResourceType<AnyObject> => ({
  group,
  version: "v1",
  kind,
  plural,
  namespaced: !kind.startsWith("Cluster"),
});

const types = [
  resources.namespaces,
  resources.serviceAccounts,
  resources.services,
  resources.deployments,
  resources.clusterRoles,
  named(rbac, "ClusterRoleBinding", "clusterrolebindings"),
  named(rbac, "Role", "roles"),
  named(rbac, "RoleBinding", "rolebindings"),
  named("policy", "PodDisruptionBudget", "poddisruptionbudgets"),
] as readonly unknown[] as readonly ResourceType<AnyObject>[];

export function typeOf({ kind }: AnyObject): ResourceType<AnyObject> {
  const found = types.find((type) => type.kind === kind);
  if (found === undefined) throw new Error(`no resource type for kind ${kind}`);
  return found;
}
