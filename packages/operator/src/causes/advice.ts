// SPDX-License-Identifier: Apache-2.0
// What is not broken and will hurt: shown by describe and doctor, never written to the status of a service that serves.
// Pure. Source: the rows of the seed's troubleshooting table that a healthy service can have.
import { labels, roles } from "@serval/api";
import { causeOf, podName, type Rule, workloadOf } from "./cause.ts";
import { gatewayName, parentsOf } from "./routes.ts";
import { canScale } from "./scaling.ts";

/** Waking up takes as long as loading the model; clients and gateways give up before. */
const coldStarts: Rule = function* ({ isvc }) {
  for (const role of roles) {
    if (isvc.spec[role]?.minReplicas !== 0) continue;
    yield causeOf("ColdStart", {
      message: `spec.${role}.minReplicas is 0: the first request after a pause waits until a pod has loaded the model, and may time out`,
      of: role,
    });
  }
};

const sidecars: Rule = function* ({ pods }) {
  for (const pod of pods) {
    const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
    const sidecar = statuses.find(({ name }) => ["istio-proxy", "linkerd-proxy"].includes(name));
    if (sidecar === undefined) continue;
    yield causeOf("SidecarOverhead", {
      message: `Pod ${podName(pod)} has the sidecar ${sidecar.name}: every request passes it twice, which costs latency against the bare runtime`,
      of: workloadOf(pod),
    });
  }
};

const isGpu = (resource: string): boolean => /gpu|gaudi|neuron|tpu/i.test(resource);

/** A GPU that is full leaves the CPU idle: more load changes nothing, and a busy CPU says nothing about requests. */
const cpuScaling: Rule = function* ({ autoscalers, deployments }) {
  for (const { metadata, spec } of autoscalers.filter(canScale)) {
    const workload = deployments.find((deployment) => deployment.metadata.name === spec?.scaleTargetRef.name);
    const containers = workload?.spec?.template.spec?.containers ?? [];
    const onGpu = containers.some(({ resources }) =>
      Object.keys({ ...resources?.limits, ...resources?.requests }).some(isGpu),
    );
    const metrics = spec?.metrics ?? [];
    if (!onGpu || metrics.length === 0 || !metrics.every(({ resource }) => resource?.name === "cpu")) continue;
    yield causeOf("ScalesOnCpu", {
      message: `HorizontalPodAutoscaler ${metadata.name} scales a model on GPUs by its CPU, which does not follow the requests`,
      of: `HorizontalPodAutoscaler ${metadata.name}`,
    });
  }
};

/** KServe's HPA has no such metric: it silently takes the CPU instead. */
const ignoredMetrics: Rule = function* ({ isvc, autoscalers, deployments }) {
  for (const role of roles) {
    const asked = isvc.spec[role]?.scaleMetric;
    if (asked !== "concurrency" && asked !== "rps") continue;
    for (const { metadata, spec } of autoscalers.filter(canScale)) {
      const own = deployments.find((deployment) => deployment.metadata.name === spec?.scaleTargetRef.name);
      const isOwn = own?.metadata.labels?.[labels.component] === role;
      if (!isOwn || spec?.metrics?.some(({ type }) => type !== "Resource") === true) continue;
      yield causeOf("ScalesOnCpu", {
        message: `spec.${role}.scaleMetric asks for ${asked}, and HorizontalPodAutoscaler ${metadata.name} scales on ${spec?.metrics?.[0]?.resource?.name ?? "cpu"}`,
        of: `HorizontalPodAutoscaler ${metadata.name}`,
        fix: `Scale on ${asked} with KEDA: the annotation serving.kserve.io/autoscalerClass: keda and a Prometheus metric in spec.${role}.autoScaling`,
      });
    }
  }
};

const gatewaysWithoutAddress: Rule = function* ({ routes, details }) {
  for (const route of routes)
    for (const parent of parentsOf(route)) {
      const name = gatewayName(route, parent);
      const gateway = details.gateways?.get(name);
      if (gateway === undefined || (gateway.status?.addresses ?? []).length > 0) continue;
      yield causeOf("GatewayNoAddress", {
        message: `Gateway ${name} has no address in its status: ${route.spec.hostnames?.[0] ?? "the service's host"} cannot be reached from outside`,
        of: `Gateway ${name}`,
      });
    }
};

export const adviceRules: readonly Rule[] = [coldStarts, ignoredMetrics, cpuScaling, sidecars, gatewaysWithoutAddress];
