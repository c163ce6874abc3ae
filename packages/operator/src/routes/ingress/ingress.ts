// SPDX-License-Identifier: Apache-2.0
// The Ingress of a service, for clusters without Gateway API. Source: KServe reconcilers/ingress/ingress_reconciler.go.
import { type Ingress, namespaceOf, type Role } from "@serval/api";
import type { Component } from "../../controllers/inference-service/component.ts";
import type { Resolved } from "../../controllers/inference-service/resolve.ts";
import { ownerReference } from "../../modes/standard/object-meta.ts";
import { host } from "../host.ts";

type Rule = NonNullable<NonNullable<Ingress["spec"]>["rules"]>[number];

const rule = (hostName: string, component: Component): Rule => ({
  host: hostName,
  http: {
    paths: [
      {
        path: "/",
        pathType: "Prefix",
        backend: { service: { name: component.name, port: { number: 80 } } },
      },
    ],
  },
});

/** KServe's order of rules, and its quirks: they are what clients' hosts resolve to. */
function rulesOf(resolved: Resolved): Rule[] {
  const find = (role: Role) => resolved.components.find((component) => component.role === role);
  const [predictor, transformer, explainer] = [find("predictor"), find("transformer"), find("explainer")];
  if (predictor === undefined) return [];
  const top = host(resolved, resolved.isvc.metadata.name ?? "");
  const predictorRule = rule(host(resolved, predictor.name), predictor);
  if (transformer !== undefined) {
    const transformerHost = host(resolved, transformer.name);
    return [
      // KServe: the explainer's host is computed from the transformer's name.
      ...(explainer === undefined ? [] : [rule(transformerHost, explainer)]),
      rule(top, transformer),
      // KServe: the transformer's own host leads to the predictor.
      rule(transformerHost, predictor),
      predictorRule,
    ];
  }
  if (explainer === undefined) return [rule(top, predictor), predictorRule];
  return [rule(top, predictor), rule(host(resolved, explainer.name), explainer), predictorRule];
}

export function serviceIngress(resolved: Resolved): Ingress {
  const { isvc, config } = resolved;
  const { ingressClassName } = config.ingress;
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: {
      name: isvc.metadata.name ?? "",
      namespace: namespaceOf(isvc),
      // KServe: every annotation of the service, unfiltered; kubectl's own bookkeeping would only confuse kubectl.
      annotations: Object.fromEntries(
        Object.entries(isvc.metadata.annotations ?? {}).filter(([name]) => !name.startsWith("kubectl.kubernetes.io/")),
      ),
      ownerReferences: [ownerReference(isvc)],
    },
    spec: { ...(ingressClassName === undefined ? {} : { ingressClassName }), rules: rulesOf(resolved) },
  };
}
