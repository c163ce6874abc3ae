// SPDX-License-Identifier: Apache-2.0
// What a model on several nodes has besides the head's Deployment and Service: the workers' Deployment, and one headless
// Service each by which head and workers of one generation find each other. Source: KServe reconcilers/{deployment,service}.
import { appLabel, type Deployment, labels, type ObjectMeta, type Service } from "@serval/api";
import type { Component } from "../../controllers/inference-service/component.ts";
import type { Resolved } from "../../controllers/inference-service/resolve.ts";
import { type PodForm, podTemplate } from "../../pod/index.ts";
import { groupServices } from "../../pod/multi-node.ts";
import { forTemplate, podContext } from "./deployment.ts";
import { objectMeta } from "./object-meta.ts";

export const workerName = (component: Pick<Component, "workload">): string => `${component.workload}-worker`;

/** Found before their pods are ready: the group forms while it starts. */
function groupService(
  component: Component,
  { isvc }: Resolved,
  { name, role, app }: { readonly name: string; readonly role: "head" | "worker"; readonly app: string },
): Service {
  const metadata: ObjectMeta = objectMeta(component, isvc);
  const generation = component.multiNode?.generation ?? "";
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { ...metadata, name, labels: { ...metadata.labels, [labels.multiNodeRole]: role } },
    spec: {
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: { [labels.app]: app, [labels.generation]: generation },
    },
  };
}

/** Head and workers of this generation. An older generation's stay as long as its pods do: the caller prunes. */
export function groupServicesOf(component: Component, resolved: Resolved): Service[] {
  const { multiNode, name } = component;
  if (multiNode === undefined) return [];
  const names = groupServices(name, multiNode.generation);
  return [
    groupService(component, resolved, { name: names.head, role: "head", app: component.labels[labels.app] ?? "" }),
    groupService(component, resolved, { name: names.workers, role: "worker", app: appLabel(workerName(component)) }),
  ];
}

/** A new group starts beside the old one whole: half a group serves nothing. */
const allAtOnce = { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "0%", maxSurge: "100%" } } as const;

/** @throws ServalError when the workers cannot become pods. */
export function workerDeployments(component: Component, resolved: Resolved, form: PodForm = "whole"): Deployment[] {
  const { multiNode } = component;
  if (multiNode === undefined) return [];
  const name = workerName(component);
  const app = appLabel(name);
  const base = objectMeta(component, resolved.isvc);
  const metadata: ObjectMeta = {
    ...base,
    name,
    labels: { ...multiNode.workerLabels, [labels.app]: app },
    annotations: { ...multiNode.workerAnnotations },
  };
  const template = podTemplate(
    {
      metadata: {
        name,
        namespace: base.namespace,
        labels: metadata.labels,
        annotations: forTemplate(metadata.annotations ?? {}, form),
      },
      spec: multiNode.workerPod,
    },
    { ...podContext(component, resolved), name, group: multiNode.worker },
    form,
  );
  return [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: {
        replicas: multiNode.group.nodes - 1,
        selector: { matchLabels: { app } },
        strategy: allAtOnce,
        template,
      },
    },
  ];
}
