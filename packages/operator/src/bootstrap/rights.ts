// SPDX-License-Identifier: Apache-2.0
// What the operator needs to install itself and to know whether it may act.
import {
  clusterServingRuntimes,
  clusterStorageContainers,
  configMapName,
  kserveNamespace,
  type Right,
  resources,
} from "@serval/api";
import { existingControllerName } from "../leadership/existing-controller.ts";
import { leaseName } from "../leadership/lease.ts";
import { installRoleName } from "../webhooks/owner.ts";
import { gatewayClassObject, gatewayObject } from "./defaults.ts";
import { crdNames } from "./kinds.ts";

const nameOf = ({ metadata }: { readonly metadata: { readonly name?: string | undefined } }): string =>
  metadata.name ?? "";

export const bootstrapRights: readonly Right[] = [
  { type: resources.customResourceDefinitions, verbs: ["create", "list", "watch"] },
  { type: resources.customResourceDefinitions, verbs: ["get", "patch"], names: crdNames() },
  { type: resources.namespaces, verbs: ["create"] },
  { type: resources.namespaces, verbs: ["get"], names: [kserveNamespace] },
  { type: resources.configMaps, verbs: ["create"] },
  { type: resources.configMaps, verbs: ["get"], names: [configMapName] },
  { type: clusterServingRuntimes, verbs: ["create", "list", "patch"] },
  { type: clusterStorageContainers, verbs: ["create", "get", "patch"] },
  { type: resources.gatewayClasses, verbs: ["create"] },
  { type: resources.gatewayClasses, verbs: ["get"], names: [nameOf(gatewayClassObject)] },
  { type: resources.gateways, verbs: ["create"] },
  { type: resources.gateways, verbs: ["get"], names: [nameOf(gatewayObject)] },
  // Who leads, whether KServe acts, and what the webhooks' registrations belong to.
  { type: resources.leases, verbs: ["create"] },
  { type: resources.leases, verbs: ["get", "update"], names: [leaseName] },
  { type: resources.deployments, verbs: ["get"], names: [existingControllerName] },
  { type: resources.clusterRoles, verbs: ["get"], names: [installRoleName] },
];
