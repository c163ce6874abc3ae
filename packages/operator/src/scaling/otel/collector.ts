// SPDX-License-Identifier: Apache-2.0
// The OpenTelemetry collector beside a component's pods, for KEDA's pod metrics. The pod gets it by the user's
// annotation `sidecar.opentelemetry.io/inject`. Source: KServe reconcilers/otel/otel_reconciler.go.
import { type AnyObject, annotations, defaultContainerPort, ServalError } from "@serval/api";
import type { Component } from "../../controllers/inference-service/component.ts";
import type { Resolved } from "../../controllers/inference-service/resolve.ts";
import { objectMeta } from "../../modes/standard/object-meta.ts";
import { resourcesFrom } from "../../pod/storage.ts";

/** Names of the metrics to pass on; empty: no collector is needed. */
const metricNames = ({ spec }: Component): string[] =>
  (spec.autoScaling?.metrics ?? []).flatMap(({ podmetric }) =>
    podmetric?.metric.backend === "opentelemetry" ? (podmetric.metric.metricNames ?? []) : [],
  );

const attribute = (name: string): string => `set(attributes["${name}"], resource.attributes["k8s.${name}.name"])`;

function pipeline(names: readonly string[], port: string, { config }: Resolved): object {
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

/** @throws ServalError OpenTelemetryMissing. */
export function openTelemetryCollectors(component: Component, resolved: Resolved): AnyObject[] {
  const names = metricNames(component);
  if (names.length === 0) return [];
  if (!resolved.serves("OpenTelemetryCollector"))
    throw new ServalError("OpenTelemetryMissing", `pod metrics ${names.join(", ")} need an OpenTelemetry collector`);
  // KServe: no labels, the collector is no part of the component.
  const { labels: _labels, ...metadata } = objectMeta(component, resolved.isvc);
  const port = component.annotations[annotations.prometheusPort] ?? `${defaultContainerPort}`;
  return [
    {
      apiVersion: "opentelemetry.io/v1beta1",
      kind: "OpenTelemetryCollector",
      metadata: { ...metadata, name: component.workload },
      spec: {
        mode: "sidecar",
        config: pipeline(names, port, resolved),
        resources: resourcesFrom(resolved.config.opentelemetryCollector.resource),
      },
    },
  ];
}
