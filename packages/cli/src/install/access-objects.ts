// SPDX-License-Identifier: Apache-2.0
// ServiceAccounts and their roles, from what the code of each process declares beside itself. Pure.
import { type AnyObject, policyRules, type Right } from "@serval/api";
import { gatewayRights } from "@serval/data-plane/rights.ts";
import { installRoleName, operatorRights } from "@serval/operator";
import type { InstallOptions, RoleOptions } from "./options.ts";

const rbac = "rbac.authorization.k8s.io";

interface Account {
  readonly name: string;
  readonly namespace: string;
  readonly rights: readonly Right[];
  readonly options: RoleOptions;
}

function roleWithBinding(kind: "ClusterRole" | "Role", { name, namespace, rights }: Account): AnyObject[] {
  const isCluster = kind === "ClusterRole";
  const rules = policyRules(rights.filter(({ isOwnNamespace }) => (isOwnNamespace === true) !== isCluster));
  if (rules.length === 0) return [];
  const metadata = isCluster ? { name } : { name, namespace };
  return [
    { apiVersion: `${rbac}/v1`, kind, metadata, rules },
    {
      apiVersion: `${rbac}/v1`,
      kind: `${kind}Binding`,
      metadata,
      roleRef: { apiGroup: rbac, kind, name },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    },
  ];
}

function objectsOf(account: Account): AnyObject[] {
  const { name, namespace, options } = account;
  const annotations = options.serviceAccountAnnotations;
  return [
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name, namespace, ...(annotations === undefined ? {} : { annotations: annotations as never }) },
    },
    ...roleWithBinding("ClusterRole", account),
    ...roleWithBinding("Role", account),
  ];
}

export const operatorAccess = ({ namespace, operator }: InstallOptions): AnyObject[] =>
  objectsOf({ name: installRoleName, namespace, rights: operatorRights, options: operator });

export const gatewayAccess = ({ namespace, gateway }: InstallOptions): AnyObject[] =>
  objectsOf({ name: "serval-gateway", namespace, rights: gatewayRights, options: gateway });
