// SPDX-License-Identifier: Apache-2.0
// What taking over from KServe needs besides the rights on children: each object is read once, with everybody's fields.
import { inferenceServices, type Right, resources } from "@serval/api";

const why = "taking over what KServe made";

export const adoptionRights: readonly Right[] = [
  ...[
    resources.deployments,
    resources.services,
    resources.horizontalPodAutoscalers,
    resources.httpRoutes,
    resources.ingresses,
    resources.scaledObjects,
    resources.openTelemetryCollectors,
  ].map((type): Right => ({ type, verbs: ["get"], why })),
  { type: inferenceServices, verbs: ["get", "patch"], why },
];
