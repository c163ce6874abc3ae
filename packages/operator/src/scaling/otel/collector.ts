// SPDX-License-Identifier: Apache-2.0
// The OpenTelemetry collector beside a workload's pods, for KEDA's pod metrics. The pod gets it by the user's
// annotation `sidecar.opentelemetry.io/inject`. Source: KServe reconcilers/otel/otel_reconciler.go.
import { type AnyObject, annotations, defaultContainerPort, ServalError } from "@serval/api";
import { resourcesFrom } from "../../pod/storage/initializer.ts";
import { type Scaled, type ScalingContext, scalerMeta } from "../scaled.ts";

/** Names of the metrics to pass on; empty: no collector is needed. */
const metricNames = ({ spec }: Scaled): string[] =>
  (spec.autoScaling?.metrics ?? []).flatMap(({ podmetric }) =>
    podmetric?.metric.backend === "opentelemetry" ? (podmetric.metric.metricNames ?? []) : [],
  );

const attribute = (name: string): string => `set(attributes["${name}"], resource.attributes["k8s.${name}.name"])`;

function pipeline(names: readonly string[], port: string, { config }: ScalingContext): object {
  const { scrapeInterval, metricReceiverEndpoint } = config.opentelemetryCollector;
  const scrape = {
    job_name: "otel-collector",
    scrape_interval: scrapeInterval,
    static_configs: [{ targets: [`localhost:${port}`] }],
  };
  const statements = ["namespace", "deployment", "pod"].map(attribute);
  return {
    receivers: { prometheus: { config: { scrape_configs: [scrape] } } },
    processors: {
      "resourcedetection/env": { detectors: ["env"], timeout: "2s", override: false },
      transform: { metric_statements: [{ context: "datapoint", statements }] },
      "filter/metrics": { metrics: { include: { match_type: "strict", metric_names: [...names] } } },
    },
    exporters: { otlp: { endpoint: metricReceiverEndpoint, compression: "none", tls: { insecure: true } } },
    service: {
      pipelines: {
        metrics: {
          receivers: ["prometheus"],
          processors: ["resourcedetection/env", "transform", "filter/metrics"],
          exporters: ["otlp"],
        },
      },
    },
  };
}

/** KServe's Go type writes them; the CRD fills defaults into a section only when it is there. */
const emptySections = {
  daemonSetUpdateStrategy: {},
  deploymentUpdateStrategy: {},
  ingress: { route: {} },
  observability: { metrics: {} },
  podDnsConfig: {},
  targetAllocator: { observability: { metrics: {} }, prometheusCR: {}, resources: {} },
};

/** @throws ServalError OpenTelemetryMissing. */
export function openTelemetryCollectors(workload: Scaled, context: ScalingContext): AnyObject[] {
  const names = metricNames(workload);
  if (names.length === 0) return [];
  if (!context.serves("OpenTelemetryCollector"))
    throw new ServalError("OpenTelemetryMissing", `pod metrics ${names.join(", ")} need an OpenTelemetry collector`);
  // KServe: no labels, the collector is no part of the workload.
  const { labels: _labels, ...metadata } = scalerMeta(workload, context.owner);
  const port = workload.annotations[annotations.prometheusPort] ?? `${defaultContainerPort}`;
  return [
    {
      apiVersion: "opentelemetry.io/v1beta1",
      kind: "OpenTelemetryCollector",
      metadata,
      spec: {
        ...emptySections,
        mode: "sidecar",
        config: pipeline(names, port, context),
        resources: resourcesFrom(context.config.opentelemetryCollector.resource),
      },
    },
  ];
}
