// SPDX-License-Identifier: Apache-2.0
// Every child that a resolved service wants, in the order in which they are applied. Pure.
import { hostOf, isClusterLocal, type KubeObject, type Role, routeName, ServalError } from "@serval/api";
import { ChildError } from "../../children/children.ts";
import { standardWorkloads } from "../../modes/standard/standard.ts";
import { componentRoute, topRoute } from "../../routes/gateway-api/http-route.ts";
import { serviceIngress } from "../../routes/ingress/ingress.ts";
import { reducedMinimum } from "./canary.ts";
import type { Component } from "./component.ts";
import type { Resolved } from "./resolve.ts";

export type RouteFlavour = "HTTPRoute" | "Ingress" | "none";

/** How a service is reachable from outside. A cluster without Gateway API gets an Ingress (contract B1). */
export function routeFlavour({ isvc, config, serves }: Resolved): RouteFlavour {
  if (config.ingress.disableIngressCreation || isClusterLocal(isvc, config)) return "none";
  return config.ingress.enableGatewayApi && serves("HTTPRoute") ? "HTTPRoute" : "Ingress";
}

/** The predictor's lower bound without what ready canaries take over from it (KServe, for `spec.canary`). */
function withReducedMinimum(component: Component, { canaries, isvc }: Resolved): Component {
  if (component.role !== "predictor" || (isvc.spec.canary ?? []).length === 0) return component;
  const minReplicas = reducedMinimum(component.spec.minReplicas, canaries);
  return { ...component, spec: { ...component.spec, minReplicas } };
}

/** KServe makes nothing of a component that no host name can reach. @throws ChildError around a ServalError. */
function checkHosts(resolved: Resolved): void {
  const { isvc, config, components } = resolved;
  if (routeFlavour(resolved) === "none") return;
  for (const { role, name, labels } of components) {
    const result = hostOf(isvc, name, config);
    if ("host" in result) continue;
    const message = `fails to create NewRawKubeReconciler for ${role}: failed creating host name: ${result.error}`;
    const service: KubeObject = { apiVersion: "v1", kind: "Service", metadata: { name, labels: { ...labels } } };
    throw new ChildError(service, new ServalError("NameTooLong", message));
  }
}

/**
 * Services, Deployments and autoscalers, canaries first so that a promoted one is never seen as gone. Nothing while the
 * service is stopped. @throws ServalError.
 */
export function buildWorkloads(resolved: Resolved): KubeObject[] {
  if (resolved.isStopped) return [];
  checkHosts(resolved);
  const canaries = resolved.canaries.flatMap(({ components }) => components);
  const components = resolved.components.map((component) => withReducedMinimum(component, resolved));
  return [...canaries, ...components].flatMap((component) => standardWorkloads(component, resolved));
}

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
  for (const { frozen = [], name, workload } of resolved.components)
    for (const kind of frozen) keys.add(keyOf(kind, kind === "Service" ? name : workload));
  if (resolved.isStopped) return keys;
  const flavour = routeFlavour(resolved);
  if (flavour === "none") return keys;
  keys.add(keyOf(flavour, resolved.isvc.metadata.name));
  if (flavour === "HTTPRoute")
    for (const { role } of resolved.components) keys.add(keyOf(flavour, routeName(resolved.isvc, role)));
  return keys;
}
