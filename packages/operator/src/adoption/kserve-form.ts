// SPDX-License-Identifier: Apache-2.0
// The Deployments of a service as KServe's controller writes them: without what its pod webhook adds, with the messages
// to it. Pure.
import { type Deployment, inferenceServices, type KubeObject, keyOf, type ResourceType } from "@serval/api";
import type { Component } from "../controllers/inference-service/component.ts";
import type { Resolved } from "../controllers/inference-service/resolve.ts";
import { componentDeployment } from "../modes/standard/deployment.ts";
import { workerDeployments } from "../modes/standard/multi-node.ts";
import type { Origin } from "./staying.ts";

const formsOf = (component: Component, resolved: Resolved): Deployment[] => [
  componentDeployment(component, resolved, "kserve"),
  ...workerDeployments(component, resolved, "kserve"),
];

/** Of every workload of a service, its canaries included. @throws ServalError. */
export const kserveDeployments = (resolved: Resolved): Deployment[] =>
  [...resolved.canaries.flatMap(({ components }) => components), ...resolved.components].flatMap((component) =>
    formsOf(component, resolved),
  );

export const originOf = (resolved: Resolved): Origin => ({
  type: inferenceServices as ResourceType,
  key: keyOf(resolved.isvc),
  kserveForm: (workload) => kserveDeployments(resolved).find(({ metadata }) => metadata?.name === workload),
});

/** Of an owner whose Deployments KServe writes as we do: its router's pods pass no webhook. */
export const plainOrigin = (type: ResourceType, owner: KubeObject, wanted: readonly KubeObject[]): Origin => ({
  type,
  key: keyOf(owner),
  kserveForm: (workload) =>
    wanted.find(({ kind, metadata }) => kind === "Deployment" && metadata.name === workload) as Deployment | undefined,
});
