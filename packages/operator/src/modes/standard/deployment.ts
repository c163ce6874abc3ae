// SPDX-License-Identifier: Apache-2.0
// The Deployment of a component in Standard mode. Source: KServe reconcilers/deployment.
import { annotations, type Deployment, type DeploymentStrategy, type ServingConfig } from "@serval/api";
import type { Component } from "../../controllers/inference-service/component.ts";
import type { Resolved } from "../../controllers/inference-service/resolve.ts";
import { type PodContext, type PodForm, podTemplate } from "../../pod/index.ts";
import { objectMeta } from "./object-meta.ts";

/** KServe sends the ConfigMap's absolute numbers as text, which Kubernetes refuses; a number is meant. */
const amount = (text: string): string | number => (/^\d+$/.test(text) ? Number(text) : text);

function strategyOf(component: Component, { deploy, present }: ServingConfig): DeploymentStrategy {
  const { deploymentStrategy } = component.spec;
  if (deploymentStrategy !== undefined) return deploymentStrategy;
  const rollout = present.has("deploy") ? deploy.deploymentRolloutStrategy?.defaultRollout : undefined;
  return {
    type: "RollingUpdate",
    rollingUpdate: {
      maxSurge: amount(rollout?.maxSurge ?? "25%"),
      maxUnavailable: amount(rollout?.maxUnavailable ?? "25%"),
    },
  };
}

/** `replicas` is left unset, so that the autoscaler owns it, unless there is none. */
function replicasOf({ spec }: Component, autoscaler: string | undefined): { replicas?: number } {
  return autoscaler === "none" && spec.minReplicas !== undefined ? { replicas: spec.minReplicas } : {};
}

/** Internal annotations are KServe's messages to its pod webhook; our template is complete without them. */
export const forTemplate = (notes: Readonly<Record<string, string>>, form: PodForm): Record<string, string> =>
  form === "kserve"
    ? { ...notes }
    : Object.fromEntries(Object.entries(notes).filter(([name]) => !name.startsWith("internal.serving.kserve.io/")));

/** What the stages of the component's pod see. */
export const podContext = (component: Component, { isvc, config, facts }: Resolved): PodContext => ({
  isvc,
  config,
  facts,
  role: component.role,
  name: component.workload,
  component: component.spec,
  sourceUri: component.sourceUri,
  isMultiModel: component.isMultiModel,
  group: component.multiNode?.head,
});

/** @throws ServalError when the component cannot become a pod. */
export function componentDeployment(component: Component, resolved: Resolved, form: PodForm = "whole"): Deployment {
  const { isvc, config } = resolved;
  const metadata = { ...objectMeta(component, isvc), name: component.workload };
  const { name, namespace, labels = {} } = metadata;
  const template = podTemplate(
    {
      metadata: { name, namespace, labels, annotations: forTemplate(component.annotations, form) },
      spec: component.pod,
    },
    podContext(component, resolved),
    form,
  );
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata,
    spec: {
      ...replicasOf(component, isvc.metadata.annotations?.[annotations.autoscalerClass]),
      selector: { matchLabels: { app: labels["app"] ?? "" } },
      strategy: strategyOf(component, config),
      template: { ...template, metadata: { ...template.metadata } },
    },
  };
}
