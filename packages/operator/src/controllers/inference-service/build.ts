// SPDX-License-Identifier: Apache-2.0
// Every child that a resolved service wants, in the order in which they are applied. Pure.
import { isClusterLocal, type KubeObject, type Role } from "@serval/api";
import { standardWorkloads } from "../../modes/standard/standard.ts";
import { componentRoute, topRoute } from "../../routes/gateway-api/http-route.ts";
import type { Resolved } from "./resolve.ts";

/** Whether a service gets routes at all. */
export const hasRoutes = ({ isvc, config }: Resolved): boolean =>
  config.ingress.enableGatewayApi && !config.ingress.disableIngressCreation && !isClusterLocal(isvc, config);

/** Services, Deployments and autoscalers. Nothing while the service is stopped. @throws ServalError. */
export const buildWorkloads = (resolved: Resolved): KubeObject[] =>
  resolved.isStopped ? [] : resolved.components.flatMap((component) => standardWorkloads(component, resolved));

/**
 * Routes to what is ready: KServe makes a component's route when the component is ready, in the order of the chain, and
 * the top-level one when all are. A route that exists stays while its component is briefly not ready.
 */
export function buildRoutes(resolved: Resolved, isReady: (role: Role) => boolean): KubeObject[] {
  if (resolved.isStopped || !hasRoutes(resolved)) return [];
  const routes: KubeObject[] = [];
  for (const component of resolved.components) {
    if (!isReady(component.role)) return routes;
    routes.push(componentRoute(resolved, component));
  }
  return [...routes, topRoute(resolved)];
}
