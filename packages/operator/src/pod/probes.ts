// SPDX-License-Identifier: Apache-2.0
// Readiness by default: the model's container counts as ready when its port accepts a connection.
// Source: KServe raw/deployment reconciler, setDefaultPodSpec.
import { type Container, containerNames, defaultContainerPort } from "@serval/api";
import { type PodStage, withContainers } from "./context.ts";

const probed: ReadonlySet<string> = new Set([containerNames.model, containerNames.transformer]);

function withReadiness(container: Container): Container {
  if (!probed.has(container.name) || container.readinessProbe !== undefined) return container;
  const port = container.ports?.[0]?.containerPort ?? defaultContainerPort;
  return {
    ...container,
    readinessProbe: {
      tcpSocket: { port },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    },
  };
}

/** KServe: IfNotPresent also for `:latest`, where Kubernetes' own default is Always. */
const withPullPolicy = (container: Container): Container => ({
  ...container,
  imagePullPolicy: container.imagePullPolicy ?? "IfNotPresent",
});

export const readinessProbes: PodStage = (template) =>
  withContainers(template, (container) => withPullPolicy(withReadiness(container)));
