// SPDX-License-Identifier: Apache-2.0
// What an install is made of: the manifests below deploy/, the Helm chart and `serval install` all come from here. Kinds,
// configuration and runtimes are not among them: the operator brings those. Pure.
import { type AnyObject, release } from "@serval/api";
import { webhookServiceName } from "@serval/operator";
import { gatewayAccess, operatorAccess } from "./access-objects.ts";
import { gatewayDeployment, operatorDeployment } from "./deployments.ts";
import { appName, selectorOf } from "./names.ts";
import { defaultInstallOptions, type InstallOptions } from "./options.ts";

const namespaceObject = (name: string): AnyObject => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name,
    labels: {
      "pod-security.kubernetes.io/enforce": "restricted",
      "pod-security.kubernetes.io/audit": "restricted",
      "pod-security.kubernetes.io/warn": "restricted",
    },
  },
});

const webhookService = ({ namespace }: InstallOptions): AnyObject => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: webhookServiceName, namespace },
  spec: {
    selector: selectorOf("operator"),
    ports: [{ name: "https", port: 443, targetPort: "webhooks", protocol: "TCP" }],
  },
});

const gatewayService = ({ namespace, gateway }: InstallOptions): AnyObject => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: {
    name: "serval-gateway",
    namespace,
    ...(gateway.serviceAnnotations === undefined ? {} : { annotations: gateway.serviceAnnotations as never }),
  },
  spec: {
    type: gateway.serviceType,
    selector: selectorOf("gateway"),
    ports: [{ name: "http", port: 80, targetPort: "http", protocol: "TCP" }],
  },
});

/** Only where there is more than one: with one, nothing could be drained. */
function disruptionBudget(component: "operator" | "gateway", options: InstallOptions): AnyObject[] {
  if (options[component].replicas < 2) return [];
  const metadata = { name: `serval-${component}`, namespace: options.namespace };
  const spec = { minAvailable: 1, selector: { matchLabels: selectorOf(component) } };
  return [{ apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata, spec }];
}

const labelled =
  (labels: InstallOptions["labels"]) =>
  (object: AnyObject): AnyObject => ({
    ...object,
    metadata: {
      ...object.metadata,
      labels: {
        ...object.metadata.labels,
        "app.kubernetes.io/name": appName,
        "app.kubernetes.io/version": release,
        ...labels,
      },
    },
  });

/** In the order in which they are applied; each order works. */
export function installObjects(options: InstallOptions = defaultInstallOptions): AnyObject[] {
  const { gateway, createNamespace, namespace } = options;
  const objects = [
    ...(createNamespace ? [namespaceObject(namespace)] : []),
    ...operatorAccess(options),
    ...(gateway.enabled ? gatewayAccess(options) : []),
    webhookService(options),
    operatorDeployment(options),
    ...disruptionBudget("operator", options),
    ...(gateway.enabled
      ? [gatewayService(options), gatewayDeployment(options), ...disruptionBudget("gateway", options)]
      : []),
  ];
  return objects.map(labelled(options.labels));
}
