// SPDX-License-Identifier: Apache-2.0
// Annotations that say how a pod's metrics are scraped. Source: KServe metrics_aggregate_injector.go.
import { annotations } from "@serval/api";
import type { PodStage } from "./context.ts";

const aggregatedPort = "9088";
const queueProxyPort = "9091";

/** KServe: the ports are those of Knative's sidecars even where there are none; existing dashboards read them. */
export const metricsPort: PodStage = (template, { config }) => {
  const given = template.metadata.annotations ?? {};
  const { enableMetricAggregation, enablePrometheusScraping } = config.metricsAggregator;
  const aggregates = given[annotations.enableMetricAggregation] ?? enableMetricAggregation;
  const scrapes = given[annotations.enablePrometheusScraping] ?? enablePrometheusScraping;
  return {
    ...template,
    metadata: {
      ...template.metadata,
      annotations: {
        ...given,
        [annotations.enableMetricAggregation]: aggregates,
        [annotations.enablePrometheusScraping]: scrapes,
        ...(scrapes === "true"
          ? {
              "prometheus.io/port": aggregates === "true" ? aggregatedPort : queueProxyPort,
              "prometheus.io/path": "/metrics",
            }
          : {}),
      },
    },
  };
};
