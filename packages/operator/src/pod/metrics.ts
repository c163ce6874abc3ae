// SPDX-License-Identifier: Apache-2.0
// How a pod's metrics are scraped: annotations, and Knative's sidecar where there is one.
// Source: KServe metrics_aggregate_injector.go.
import { annotations, type Container, containerNames, defaultContainerPort } from "@serval/api";
import { type PodContext, type PodStage, type PodTemplate, withContainers } from "./context.ts";
import { textEnv, withEnv } from "./parts.ts";

const aggregatedPort = 9088;
const queueProxyPort = "9091";
const metricsPath = "/metrics";

type Notes = Readonly<Record<string, string>>;

/** The sidecar asks the model server too, and answers for both. */
function aggregating(container: Container, notes: Notes): Container {
  if (container.name !== containerNames.queueProxy) return container;
  const told = withEnv(container, [
    textEnv("KSERVE_CONTAINER_PROMETHEUS_METRICS_PORT", notes[annotations.prometheusPort] ?? `${defaultContainerPort}`),
    textEnv("KSERVE_CONTAINER_PROMETHEUS_METRICS_PATH", notes[annotations.prometheusPath] ?? metricsPath),
    textEnv("AGGREGATE_PROMETHEUS_METRICS_PORT", `${aggregatedPort}`),
  ]);
  const ports = container.ports ?? [];
  if (ports.some(({ containerPort }) => containerPort === aggregatedPort)) return told;
  return { ...told, ports: [...ports, { name: "aggr-metric", containerPort: aggregatedPort, protocol: "TCP" }] };
}

/** KServe: the ports are those of Knative's sidecars even where there are none; existing dashboards read them. */
function metricsNotes(given: Notes, { config }: PodContext): Notes {
  const { enableMetricAggregation, enablePrometheusScraping } = config.metricsAggregator;
  const aggregates = given[annotations.enableMetricAggregation] ?? enableMetricAggregation;
  const scrapes = given[annotations.enablePrometheusScraping] ?? enablePrometheusScraping;
  const port = aggregates === "true" ? `${aggregatedPort}` : queueProxyPort;
  return {
    ...given,
    [annotations.enableMetricAggregation]: aggregates,
    [annotations.enablePrometheusScraping]: scrapes,
    ...(scrapes === "true" ? { "prometheus.io/port": port, "prometheus.io/path": metricsPath } : {}),
  };
}

export const metricsPort: PodStage = (template, context): PodTemplate => {
  const notes = metricsNotes(template.metadata.annotations ?? {}, context);
  const scraped = { ...template, metadata: { ...template.metadata, annotations: notes } };
  if (notes[annotations.enableMetricAggregation] !== "true") return scraped;
  return withContainers(scraped, (container) => aggregating(container, notes));
};
