// SPDX-License-Identifier: Apache-2.0
// Standard mode: a component is a Deployment, a Service and, by its class, an autoscaler; on several nodes also its
// workers.
import type { KubeObject } from "@serval/api";
import type { Component } from "../../controllers/inference-service/component.ts";
import type { Resolved } from "../../controllers/inference-service/resolve.ts";
import { scalersOf } from "../../scaling/index.ts";
import { componentDeployment } from "./deployment.ts";
import { groupServicesOf, workerDeployments } from "./multi-node.ts";
import { componentService } from "./service.ts";

/** In the order in which they are applied. @throws ServalError when the component cannot become a pod. */
export const standardWorkloads = (component: Component, resolved: Resolved): KubeObject[] => [
  ...(component.frozen?.includes("Service") ? [] : [componentService(component, resolved)]),
  ...groupServicesOf(component, resolved),
  ...(component.frozen?.includes("Deployment")
    ? []
    : [componentDeployment(component, resolved), ...workerDeployments(component, resolved)]),
  ...scalersOf(component, { ...resolved, owner: resolved.isvc }),
];
