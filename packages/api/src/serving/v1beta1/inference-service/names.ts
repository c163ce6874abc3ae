// SPDX-License-Identifier: Apache-2.0
// The name of everything that an InferenceService owns, one function each, and its host names.
import type { ServingConfig } from "@serval/api/config/parse.ts";
import type { KubeObject } from "@serval/api/core/index.ts";
import { renderTemplate } from "../../go-template.ts";
import { labels } from "../../names.ts";
import type { Role } from "./implementations.ts";
import type { InferenceService } from "./schema.ts";

/** Deployment, Service and autoscaler of a component. A named predictor carries its name. */
export function componentName(isvc: InferenceService, role: Role): string {
  const { name } = isvc.metadata;
  const variant = role === "predictor" ? isvc.spec.predictor.name : undefined;
  return variant === undefined || variant === "" ? `${name}-${role}` : `${name}-${variant}-${role}`;
}

/** The HTTPRoute of a component keeps its name when the predictor is renamed. */
export const routeName = (isvc: InferenceService, role: Role): string => `${isvc.metadata.name}-${role}`;

/** Value of the `app` label that ties pods, Deployment and Service together. */
export const appLabel = (componentObjectName: string): string => `isvc.${componentObjectName}`;

export const namespaceOf = ({ metadata }: KubeObject): string => metadata.namespace ?? "default";

export type HostResult = { host: string } | { error: string };

const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** Kubernetes' IsFullyQualifiedDomainName, in words of our own. */
function domainError(host: string): string | undefined {
  const parts = host.split(".");
  if (parts.length < 2 && host !== "localhost")
    return "should be a domain with at least two segments separated by dots";
  const long = parts.find((part) => part.length > 63);
  if (long !== undefined) return `url: Invalid value: "${long}": must be no more than 63 characters`;
  const bad = parts.find((part) => !dnsLabel.test(part));
  return bad === undefined ? undefined : `"${bad}" is not a DNS label`;
}

/** The host that the domain template gives to `objectName`. */
export function hostOf(owner: KubeObject, objectName: string, config: ServingConfig): HostResult {
  const { ingress } = config;
  try {
    const host = renderTemplate(ingress.domainTemplate, {
      Name: objectName,
      Namespace: namespaceOf(owner),
      IngressDomain: ingress.ingressDomain,
      Annotations: owner.metadata.annotations ?? {},
      Labels: owner.metadata.labels ?? {},
    });
    const error = domainError(host);
    return error === undefined ? { host } : { error: `invalid domain name "${host}": ${error}` };
  } catch (error) {
    return { error: `error rendering ingress.domainTemplate: ${(error as Error).message}` };
  }
}

/** Reachable inside the cluster only. */
export const isClusterLocal = ({ metadata }: KubeObject, { ingress }: ServingConfig): boolean =>
  metadata.labels?.[labels.visibility] === "cluster-local" || ingress.ingressDomain === "svc.cluster.local";
