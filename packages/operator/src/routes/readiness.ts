// SPDX-License-Identifier: Apache-2.0
// Whether the routes of a service carry traffic, in KServe's words. Pure.
// Source: KServe reconcilers/ingress/httproute_reconciler.go and ingress_reconciler.go.
import type { HTTPRoute, Role, Verdict } from "@serval/api";

const titles: Readonly<Record<Role | "top", string>> = {
  predictor: "Predictor",
  transformer: "Transformer",
  explainer: "Explainer",
  top: "InferenceService",
};

export type RouteOwner = Role | "top";

/** No gateway has said anything about the route yet. */
export const noParentStatus = "ParentStatusNotAvailable";

const notReady = (reason: string, message?: string): Verdict => ({ status: "False", reason, message });

/** The verdict on one route; undefined: it carries traffic. */
function routeProblem(owner: RouteOwner, route: HTTPRoute | undefined): Verdict | undefined {
  const title = titles[owner];
  if (route === undefined) return notReady(`${title} Deployment NotReady`, `${title} HTTPRoute not created`);
  const parents = route.status?.parents ?? [];
  if (parents.length === 0) return notReady(noParentStatus, `${title} HttpRouteNotReady`);
  const failed = parents.flatMap(({ conditions }) => conditions).find(({ status }) => status === "False");
  return failed === undefined ? undefined : notReady(failed.reason, `${title} ${failed.message}`);
}

/** IngressReady for Gateway API: the first route that is not ready decides. */
export function httpRoutesVerdict(
  owners: readonly RouteOwner[],
  routeOf: (owner: RouteOwner) => HTTPRoute | undefined,
): Verdict {
  for (const owner of owners) {
    const problem = routeProblem(owner, routeOf(owner));
    if (problem !== undefined) return problem;
  }
  return { status: "True" };
}

/** IngressReady for Ingress: it exists as soon as every component is ready. */
export function ingressVerdict(roles: readonly Role[], isReady: (role: Role) => boolean): Verdict {
  const waiting = roles.find((role) => !isReady(role));
  return waiting === undefined ? { status: "True" } : notReady(`${titles[waiting]} ingress not created`);
}
