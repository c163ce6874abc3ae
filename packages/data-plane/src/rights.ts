// SPDX-License-Identifier: Apache-2.0
// What the gateway does with the API: it watches what routes requests, and says what became of routes.
import { type Right, resources } from "@serval/api";

const watched = ["list", "watch"] as const;

export const gatewayRights: readonly Right[] = [
  { type: resources.httpRoutes, verbs: watched },
  { type: resources.gateways, verbs: watched },
  { type: resources.gatewayClasses, verbs: watched },
  { type: resources.services, verbs: watched },
  { type: resources.endpointSlices, verbs: watched },
  ...[resources.httpRoutes, resources.gateways, resources.gatewayClasses].map(
    (type): Right => ({ type, subresource: "status", verbs: ["patch"] }),
  ),
];
