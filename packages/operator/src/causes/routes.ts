// SPDX-License-Identifier: Apache-2.0
// Routes that carry no traffic, and the Gateways behind them. Pure.
// Source: Gateway API v1 conditions and reasons (apis/v1/{gatewayclass,gateway,httproute}_types.go).
import type { Gateway, HTTPRoute } from "@serval/api";
import { type Cause, causeOf, conditionOf, type Rule, words } from "./cause.ts";
import type { Evidence } from "./evidence.ts";

/** A gateway that works answers within this. */
export const answerMs = 2_000;

type ParentRef = NonNullable<HTTPRoute["spec"]["parentRefs"]>[number];

export const gatewayName = (route: HTTPRoute, { namespace, name }: ParentRef): string =>
  `${namespace ?? route.metadata.namespace ?? "default"}/${name}`;

const isGateway = ({ kind = "Gateway" }: ParentRef): boolean => kind === "Gateway";

export const parentsOf = (route: HTTPRoute): ParentRef[] => (route.spec.parentRefs ?? []).filter(isGateway);

export const ageMs = ({ metadata }: HTTPRoute, now: Date): number =>
  now.getTime() - Date.parse(metadata.creationTimestamp ?? now.toISOString());

export const isUnanswered = (route: HTTPRoute): boolean => (route.status?.parents ?? []).length === 0;

/** What is wrong with a Gateway itself; undefined: nothing, or it was not read. */
function gatewayCause({ details }: Evidence, name: string): Cause | undefined {
  if (details.gateways?.has(name) !== true) return undefined;
  const gateway = details.gateways.get(name);
  const of = `Gateway ${name}`;
  if (gateway === undefined)
    return causeOf("GatewayMissing", { message: `Gateway ${name}, which the route names, does not exist`, of });
  return classCause({ details } as Evidence, gateway, of) ?? programmedCause(gateway, of);
}

function classCause({ details }: Evidence, gateway: Gateway, of: string): Cause | undefined {
  const name = gateway.spec.gatewayClassName;
  if (details.gatewayClasses?.has(name) !== true) return undefined;
  const found = details.gatewayClasses.get(name);
  if (found === undefined)
    return causeOf("GatewayClassUnknown", { message: `${of} is of GatewayClass ${name}, which does not exist`, of });
  const accepted = conditionOf(found.status?.conditions, "Accepted");
  if (accepted?.status === "True") return undefined;
  const why =
    accepted === undefined || accepted.reason === "Pending"
      ? "no controller has accepted it"
      : words(accepted.message) || accepted.reason;
  return causeOf("GatewayClassUnknown", {
    message: `${of} is of GatewayClass ${name} (controller ${found.spec.controllerName}): ${why}`,
    of,
  });
}

function programmedCause({ status }: Gateway, of: string): Cause | undefined {
  for (const type of ["Accepted", "Programmed"]) {
    const condition = conditionOf(status?.conditions, type);
    if (condition === undefined || condition.status === "True") continue;
    return causeOf("GatewayNotProgrammed", {
      message: `${of}: ${type} is ${condition.status}: ${words(condition.message) || condition.reason}`,
      of,
    });
  }
  const listener = status?.listeners?.find(
    ({ conditions }) => conditionOf(conditions, "Programmed")?.status === "False",
  );
  const failed = conditionOf(listener?.conditions, "Programmed");
  if (listener === undefined || failed === undefined) return undefined;
  return causeOf("GatewayNotProgrammed", {
    message: `${of}: listener ${listener.name} is not programmed: ${words(failed.message) || failed.reason}`,
    of,
  });
}

const byReason: Readonly<Record<string, Cause["reason"]>> = {
  NotAllowedByListeners: "ListenerRefuses",
  NoMatchingListenerHostname: "ListenerRefuses",
  NoMatchingParent: "ListenerRefuses",
  BackendNotFound: "BackendMissing",
  UnsupportedValue: "WeightsNotSupported",
};

const isWeighted = ({ spec }: HTTPRoute): boolean =>
  spec.rules?.some(({ backendRefs = [] }) => backendRefs.filter(({ weight = 1 }) => weight > 0).length > 1) === true;

function listenerFix(evidence: Evidence, route: HTTPRoute, name: string): string | undefined {
  const gateway = evidence.details.gateways?.get(name);
  const namespace = route.metadata.namespace ?? "default";
  if (gateway === undefined) return undefined;
  const open = gateway.spec.listeners.some(({ allowedRoutes }) => allowedRoutes?.namespaces?.from === "All");
  if (open)
    return `Give a listener of Gateway ${name} a hostname that covers ${route.spec.hostnames?.join(", ") ?? "the route"}, or change ingress.ingressDomain`;
  return `Set allowedRoutes.namespaces.from: All (or a selector that matches ${namespace}) on a listener of Gateway ${name}`;
}

function refusedCause(evidence: Evidence, route: HTTPRoute): Cause | undefined {
  const of = `HTTPRoute ${route.metadata.name}`;
  for (const { conditions, parentRef } of route.status?.parents ?? []) {
    const failed = conditions.find(({ status }) => status === "False");
    if (failed === undefined) continue;
    const name = gatewayName(route, parentRef);
    const known = byReason[failed.reason];
    const reason = known === "WeightsNotSupported" && !isWeighted(route) ? undefined : known;
    return causeOf(reason ?? "RouteNotAccepted", {
      message: `${of}: ${failed.type} is False for Gateway ${name} (${failed.reason}): ${words(failed.message) || failed.reason}`,
      of,
      fix: reason === "ListenerRefuses" ? listenerFix(evidence, route, name) : undefined,
    });
  }
  return undefined;
}

function unansweredCause(route: HTTPRoute, now: Date): Cause | undefined {
  if (!isUnanswered(route) || ageMs(route, now) < answerMs) return undefined;
  const of = `HTTPRoute ${route.metadata.name}`;
  const names = parentsOf(route).map((parent) => gatewayName(route, parent));
  return causeOf("RouteUnanswered", {
    message: `${of}: no controller has answered for Gateway ${names.join(", ")}`,
    of,
  });
}

/** A broken Gateway stands before what it does to its routes. */
export const brokenRoutes: Rule = function* (evidence) {
  for (const route of evidence.routes) {
    for (const parent of parentsOf(route)) {
      const broken = gatewayCause(evidence, gatewayName(route, parent));
      if (broken !== undefined) yield broken;
    }
    const found = refusedCause(evidence, route) ?? unansweredCause(route, evidence.now);
    if (found !== undefined) yield found;
  }
};
