// SPDX-License-Identifier: Apache-2.0
// The operator's metrics. Names and labels are the seed's (contract G1).
import type { InferenceService } from "@serval/api";
import type { Informer } from "@serval/kube";
import { Counter, Gauge, Histogram, type Registry } from "@serval/observe";

export interface OperatorMetrics {
  reconciled(controller: string, result: string, durationMs: number): void;
  configProblems(count: number): void;
}

export function createOperatorMetrics(registry: Registry, services: Informer<InferenceService>): OperatorMetrics {
  const registers = [registry];
  const total = new Counter({
    name: "kserve_controller_reconcile_total",
    help: "Reconciles, by controller and result",
    labelNames: ["controller", "result"],
    registers,
  });
  const errors = new Counter({
    name: "kserve_controller_reconcile_errors_total",
    help: "Reconciles that failed and will be tried again",
    labelNames: ["controller"],
    registers,
  });
  const duration = new Histogram({
    name: "kserve_controller_reconcile_duration_seconds",
    help: "Time of one reconcile",
    labelNames: ["controller"],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers,
  });
  const config = new Gauge({
    name: "kserve_config_problems",
    help: "Problems of the inferenceservice-config ConfigMap; above 0 the last good settings are in force",
    registers,
  });
  new Gauge({
    name: "kserve_inference_service_status_ready",
    help: "1: the InferenceService is Ready, 0: it is not",
    labelNames: ["namespace", "name"],
    registers,
    // Read when asked: no bookkeeping of services that come and go.
    collect() {
      this.reset();
      for (const { metadata, status } of services.list()) {
        const isReady = status?.conditions?.some(({ type, status: truth }) => type === "Ready" && truth === "True");
        this.set({ namespace: metadata.namespace ?? "", name: metadata.name ?? "" }, isReady === true ? 1 : 0);
      }
    },
  });
  return {
    reconciled: (controller, result, durationMs) => {
      total.inc({ controller, result });
      if (result === "error") errors.inc({ controller });
      duration.observe({ controller }, durationMs / 1_000);
    },
    configProblems: (count) => config.set(count),
  };
}
