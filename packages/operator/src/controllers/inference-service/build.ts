// SPDX-License-Identifier: Apache-2.0
// Every child that a resolved service wants, in the order in which they are applied. Pure.
import { isClusterLocal, type KubeObject, type Role, routeName } from "@serval/api";
import { standardWorkloads } from "../../modes/standard/standard.ts";
import { componentRoute, topRoute } from "../../routes/gateway-api/http-route.ts";
import { serviceIngress } from "../../routes/ingress/ingress.ts";
import type { Resolved } from "./resolve.ts";

export type RouteFlavour = "HTTPRoute" | "Ingress" | "none";

/** How a service is reachable from outside. */
export function routeFlavour({ isvc, config }: Resolved): RouteFlavour {
  if (config.ingress.disableIngressCreation || isClusterLocal(isvc, config)) return "none";
  return config.ingress.enableGatewayApi ? "HTTPRoute" : "Ingress";
}

/** Services, Deployments and autoscalers. Nothing while the service is stopped. @throws ServalError. */
export const buildWorkloads = (resolved: Resolved): KubeObject[] =>
  resolved.isStopped ? [] : resolved.components.flatMap((component) => standardWorkloads(component, resolved));

/**
 * Routes to what is ready: KServe makes a component's route when the component is ready, in the order of the chain, and
 * the top-level one when all are. A route that exists stays while its component is briefly not ready.
 */
export function buildRoutes(resolved: Resolved, isReady: (role: Role) => boolean): KubeObject[] {
  const flavour = routeFlavour(resolved);
  if (resolved.isStopped || flavour === "none") return [];
  if (flavour === "Ingress")
    return resolved.components.every(({ role }) => isReady(role)) ? [serviceIngress(resolved)] : [];
  const routes: KubeObject[] = [];
  for (const component of resolved.components) {
    if (!isReady(component.role)) return routes;
    routes.push(componentRoute(resolved, component));
  }
  return [...routes, topRoute(resolved)];
}

const keyOf = (kind: string, name: string | undefined): string => `${kind}/${name ?? ""}`;
export const childKey = ({ kind, metadata }: KubeObject): string => keyOf(kind, metadata.name);

/** Keys of all children that may stay: what is wanted now, and routes that only wait for readiness. */
export function wantedKeys(resolved: Resolved, workloads: readonly KubeObject[]): Set<string> {
  const keys = new Set(workloads.map(childKey));
  if (resolved.isStopped) return keys;
  const flavour = routeFlavour(resolved);
  if (flavour === "none") return keys;
  keys.add(keyOf(flavour, resolved.isvc.metadata.name));
  if (flavour === "HTTPRoute")
    for (const { role } of resolved.components) keys.add(keyOf(flavour, routeName(resolved.isvc, role)));
  return keys;
}
