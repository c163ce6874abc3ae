// SPDX-License-Identifier: Apache-2.0
// Failures of routes, gateways and graphs: SV5 of the catalogue.
import { type CatalogueEntry, entry } from "./entry.ts";

export const routeErrors = {
  NameTooLong: entry(
    "SV5001",
    "The name is too long for a host name",
    "Use a shorter InferenceService or namespace name, or another ingress.domainTemplate",
  ),
  RouteNotAccepted: entry(
    "SV5002",
    "The route was refused",
    "Read the message of the gateway; check that the Gateway exists and allows routes of this namespace",
  ),
  GatewayApiMissing: entry(
    "SV5003",
    "Gateway API is not installed",
    "Install the Gateway API CRDs and a Gateway, or set ingress.disableIngressCreation",
  ),
  GatewayMissing: entry(
    "SV5004",
    "The Gateway does not exist",
    "Create the Gateway, or name an existing one in ingress.kserveIngressGateway of inferenceservice-config",
  ),
  GatewayClassUnknown: entry(
    "SV5005",
    "No controller serves the Gateway's class",
    "Install the Gateway's implementation, or correct gatewayClassName",
  ),
  GatewayNotProgrammed: entry(
    "SV5006",
    "The Gateway is not ready",
    "Read the conditions of the Gateway: kubectl describe gateway",
  ),
  ListenerRefuses: entry(
    "SV5007",
    "No listener of the Gateway takes this route",
    "Allow the namespace in allowedRoutes.namespaces of the listener, and its hostname",
  ),
  BackendMissing: entry(
    "SV5008",
    "The route leads to a Service that does not exist",
    "Wait for the Service or create it; look for who deleted it",
  ),
  WeightsNotSupported: entry(
    "SV5009",
    "The traffic split cannot take effect",
    "Use a Gateway API implementation that supports HTTPRoute weights, and ingress.enableGatewayApi",
  ),
  RouteUnanswered: entry(
    "SV5010",
    "No gateway has answered for the route",
    "Check that the Gateway's controller runs and watches this namespace",
  ),
  GatewayNoAddress: entry(
    "SV5011",
    "The Gateway has no address from outside",
    "Give its Service an external address (type LoadBalancer or NodePort), and point DNS at it",
  ),
  GraphServiceNotFound: entry(
    "SV5101",
    "A step of the graph names a service that does not exist",
    "Create the InferenceService in the graph's namespace, or set serviceUrl",
  ),
  GraphServiceNotReady: entry(
    "SV5102",
    "A service of the graph is not ready",
    "Look at that InferenceService: serval describe NAME; the graph goes on by itself",
  ),
  GraphProtocol: entry(
    "SV5103",
    "A service of the graph speaks no protocol that graphs use",
    "Use a runtime that speaks v1 or v2 over HTTP, or set serviceUrl",
  ),
} as const satisfies Record<string, CatalogueEntry>;
