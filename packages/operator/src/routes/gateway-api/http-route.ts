// SPDX-License-Identifier: Apache-2.0
// HTTPRoutes of a service: one per component and the top-level one. Source: KServe reconcilers/ingress/httproute.
import {
  type HTTPRoute,
  type InferenceService,
  labels as labelKeys,
  namespaceOf,
  type Role,
  renderTemplate,
  routeName,
  type ServicePort,
  type ServingConfig,
} from "@serval/api";
import type { Component } from "../../controllers/inference-service/component.ts";
import { annotationFilter, filtered, labelFilter } from "../../controllers/inference-service/component-metadata.ts";
import type { Resolved } from "../../controllers/inference-service/resolve.ts";
import { ownerReference } from "../../modes/standard/object-meta.ts";
import { servicePorts } from "../../modes/standard/service.ts";
import { host } from "../host.ts";

type Rule = NonNullable<HTTPRoute["spec"]["rules"]>[number];
type Match = NonNullable<Rule["matches"]>[number];

const anyPath = "^/.*$";
const explainPath = "^/v1/models/[\\w-]+:explain$";
const grpcPath = "^/inference\\.GRPCInferenceService/.*$";
const defaultTimeoutSeconds = 60;

const pathMatch = (value: string): Match => ({ path: { type: "RegularExpression", value } });
const grpcMatch: Match = {
  ...pathMatch(grpcPath),
  headers: [{ name: "content-type", type: "RegularExpression", value: "^application/grpc.*" }],
};

/**
 * A Gateway API duration has at most five digits per unit; KServe writes seconds only, and a long timeout makes its
 * route invalid.
 */
export function gatewayDuration(seconds: number): string {
  if (seconds <= 99_999) return `${seconds}s`;
  const parts: readonly [number, string][] = [
    [Math.floor(seconds / 3600), "h"],
    [Math.floor((seconds % 3600) / 60), "m"],
    [seconds % 60, "s"],
  ];
  return parts.flatMap(([amount, unit]) => (amount === 0 ? [] : [`${amount}${unit}`])).join("");
}

/** The Gateway that the ConfigMap names, as `namespace/name`. */
export function gatewayReference({ ingress }: ServingConfig) {
  const [namespace = "", name = ""] = ingress.kserveIngressGateway.split("/");
  return { group: "gateway.networking.k8s.io", kind: "Gateway", namespace, name };
}

const isGrpc = ({ name = "" }: ServicePort): boolean => name.includes("grpc") || name.includes("h2c");

type Backend = NonNullable<Rule["backendRefs"]>[number];

/**
 * The component, and its counterparts in the canaries with their shares: only what is ready gets traffic, the rest stays
 * with the stable one. Without canaries there is one backend of weight 1 (KServe).
 */
function backends({ isvc, canaries }: Resolved, { role, name }: Component, port: number): Backend[] {
  const backend = (service: string, weight: number): Backend => ({
    group: "",
    kind: "Service",
    name: service,
    namespace: namespaceOf(isvc),
    port,
    weight,
  });
  if (canaries.length === 0 || role === "explainer") return [backend(name, 1)];
  const shares = canaries.flatMap(({ isReady, components, percent }) => {
    const counterpart = components.find((component) => component.role === role);
    return isReady && counterpart !== undefined ? [{ name: counterpart.name, percent }] : [];
  });
  const taken = shares.reduce((sum, { percent }) => sum + percent, 0);
  return [backend(name, 100 - taken), ...shares.map((share) => backend(share.name, share.percent))];
}

interface Target {
  readonly component: Component;
  /** Shared with the canaries. */
  readonly isSplit: boolean;
}

function rule(resolved: Resolved, { component, isSplit }: Target, match: Match, port: number): Rule {
  const { isvc, config } = resolved;
  const namespace = namespaceOf(isvc);
  const seconds = component.spec.timeout ?? defaultTimeoutSeconds;
  return {
    matches: [match],
    filters: [
      {
        type: "RequestHeaderModifier",
        requestHeaderModifier: {
          set: [
            { name: "KServe-Isvc-Name", value: isvc.metadata.name ?? "" },
            { name: "KServe-Isvc-Namespace", value: namespace },
          ],
        },
      },
    ],
    backendRefs: backends(isSplit ? resolved : { ...resolved, canaries: [] }, component, port),
    ...(config.ingress.disableHTTPRouteTimeout ? {} : { timeouts: { request: gatewayDuration(seconds) } }),
  };
}

/** A Service that speaks both gets gRPC by its path and content type, everything else over REST. */
function componentRules(resolved: Resolved, target: Target): Rule[] {
  const ports = servicePorts(target.component);
  const grpc = ports.find(isGrpc);
  const rest = ports.find((port) => !isGrpc(port));
  if (grpc === undefined || rest === undefined) return [rule(resolved, target, pathMatch(anyPath), 80)];
  return [rule(resolved, target, grpcMatch, grpc.port), rule(resolved, target, pathMatch(anyPath), rest.port)];
}

function route(resolved: Resolved, name: string, hostnames: string[], rules: Rule[]): HTTPRoute {
  const { isvc, config } = resolved;
  const labels = filtered(isvc.metadata.labels, labelFilter(config));
  // In-memory labels for runtime templates are not the service's.
  for (const key of [labelKeys.modelClass, labelKeys.serviceEnvelope]) delete labels[key];
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: {
      name,
      namespace: namespaceOf(isvc),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      annotations: filtered(isvc.metadata.annotations, annotationFilter(config)),
      ownerReferences: [ownerReference(isvc)],
    },
    spec: {
      parentRefs: [gatewayReference(config)],
      hostnames,
      rules,
    },
  };
}

/** The service's host under every further domain; a domain that gives no valid host is left out (KServe). */
function topHosts(resolved: Resolved): string[] {
  const { isvc, config } = resolved;
  const { ingressDomain, additionalIngressDomains = [], pathTemplate } = config.ingress;
  const main = host(resolved, isvc.metadata.name ?? "");
  const prefix = main.endsWith(ingressDomain) ? main.slice(0, -ingressDomain.length) : `${main}.`;
  const further = additionalIngressDomains.map((domain) => `${prefix}${domain}`);
  return [...new Set([main, ...further, ...(pathTemplate === "" ? [] : [ingressDomain])])];
}

const renderedPath = (isvc: InferenceService, template: string): string =>
  renderTemplate(template, { Name: isvc.metadata.name ?? "", Namespace: namespaceOf(isvc) });

function topRules(resolved: Resolved): Rule[] {
  const { isvc, config, components } = resolved;
  const find = (role: Role) => components.find((component) => component.role === role);
  const entry = find("transformer") ?? find("predictor");
  const explainer = find("explainer");
  if (entry === undefined) return [];
  const split = { component: entry, isSplit: true };
  const explain = explainer && { component: explainer, isSplit: false };
  const rules = [
    ...(explain === undefined ? [] : [rule(resolved, explain, pathMatch(explainPath), 80)]),
    ...componentRules(resolved, split),
  ];
  if (config.ingress.pathTemplate === "") return rules;
  const path = renderedPath(isvc, config.ingress.pathTemplate);
  if (explain !== undefined) rules.push(rule(resolved, explain, pathMatch(`${path}(/v1/models/[\\w-]+:explain)$`), 80));
  return [...rules, rule(resolved, split, pathMatch(`${path}/`), 80)];
}

export const componentRoute = (resolved: Resolved, component: Component): HTTPRoute =>
  route(
    resolved,
    routeName(resolved.isvc, component.role),
    [host(resolved, routeName(resolved.isvc, component.role))],
    // A transformer's or an explainer's own host leads to the stable one.
    componentRules(resolved, { component, isSplit: component.role === "predictor" }),
  );

export const topRoute = (resolved: Resolved): HTTPRoute =>
  route(resolved, resolved.isvc.metadata.name ?? "", topHosts(resolved), topRules(resolved));
