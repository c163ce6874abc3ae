// SPDX-License-Identifier: Apache-2.0
// What the operator does with the children of services: watched, applied (which needs `create` too), deleted.
import { type Right, resources } from "@serval/api";

const kept = ["create", "delete", "list", "patch", "watch"] as const;

export const childrenRights: readonly Right[] = [
  { type: resources.deployments, verbs: kept },
  { type: resources.services, verbs: kept },
  { type: resources.horizontalPodAutoscalers, verbs: kept },
  { type: resources.httpRoutes, verbs: kept },
  { type: resources.ingresses, verbs: kept },
  { type: resources.scaledObjects, verbs: kept, why: "autoscalerClass keda, where KEDA is installed" },
  {
    type: resources.openTelemetryCollectors,
    verbs: kept,
    why: "pod metrics, where the OpenTelemetry operator is installed",
  },
  // Models of multi-model servers and the bundle of certificates, in the namespaces of services.
  { type: resources.configMaps, verbs: ["create", "get", "patch"] },
];
