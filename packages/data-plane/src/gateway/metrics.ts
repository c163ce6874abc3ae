// SPDX-License-Identifier: Apache-2.0
// What the gateway counts. Label children are kept, so that a request costs two increments.
import { Counter, Histogram, Registry } from "@serval/observe";

export interface Observation {
  readonly namespace: string;
  readonly route: string;
  readonly service: string;
  readonly status: number;
  readonly durationMs: number;
}

export interface GatewayMetrics {
  observe(observation: Observation): void;
  text(): Promise<string>;
  readonly contentType: string;
}

const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export function gatewayMetrics(): GatewayMetrics {
  const registry = new Registry();
  const count = new Counter({
    name: "kserve_request_count",
    help: "Requests answered by the gateway",
    labelNames: ["namespace", "inference_service", "service", "code"],
    registers: [registry],
  });
  const duration = new Histogram({
    name: "kserve_request_duration_seconds",
    help: "Time from the request's head to the end of its answer",
    labelNames: ["namespace", "inference_service", "service"],
    buckets,
    registers: [registry],
  });
  const counters = new Map<string, Counter.Internal>();
  const durations = new Map<string, Histogram.Internal<string>>();
  return {
    observe({ namespace, route, service, status, durationMs }) {
      const key = `${namespace}/${route}/${service}`;
      let counter = counters.get(`${key}/${status}`);
      if (counter === undefined) {
        counter = count.labels(namespace, route, service, String(status));
        counters.set(`${key}/${status}`, counter);
      }
      counter.inc();
      let histogram = durations.get(key);
      if (histogram === undefined) {
        histogram = duration.labels(namespace, route, service);
        durations.set(key, histogram);
      }
      histogram.observe(durationMs / 1_000);
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
