// SPDX-License-Identifier: Apache-2.0
// The HorizontalPodAutoscaler of a workload. Source: KServe reconcilers/hpa.
import type { HorizontalPodAutoscaler, MetricSpec } from "@serval/api";
import { type Scaled, type ScalingContext, scalerMeta } from "../scaled.ts";

export const defaultCpuPercent = 80;

const utilization = (name: string, percent: number): MetricSpec => ({
  type: "Resource",
  resource: { name, target: { type: "Utilization", averageUtilization: percent } },
});

type ScalingMetric = NonNullable<NonNullable<Scaled["spec"]["autoScaling"]>["metrics"]>[number];

/** KServe: only resource metrics; cpu is always a utilization. */
function resourceMetric({ resource }: ScalingMetric): MetricSpec[] {
  if (resource === undefined) return [];
  const { name, target } = resource;
  if (name === "cpu") return [utilization(name, target.averageUtilization ?? defaultCpuPercent)];
  if (target.type === "AverageValue" && target.averageValue !== undefined) {
    const averageValue = `${target.averageValue}`;
    return [{ type: "Resource", resource: { name, target: { type: "AverageValue", averageValue } } }];
  }
  return target.averageUtilization === undefined ? [] : [utilization(name, target.averageUtilization)];
}

function metricsOf({ spec }: Scaled): MetricSpec[] {
  if (spec.autoScaling?.metrics !== undefined) return spec.autoScaling.metrics.flatMap(resourceMetric);
  const { scaleMetric = "cpu", scaleTarget } = spec;
  if (scaleMetric === "cpu") return [utilization("cpu", scaleTarget ?? defaultCpuPercent)];
  if (scaleMetric === "memory" && scaleTarget !== undefined) return [utilization("memory", scaleTarget)];
  return [];
}

type Behavior = NonNullable<NonNullable<HorizontalPodAutoscaler["spec"]>["behavior"]>;

const percent = { type: "Percent", value: 100, periodSeconds: 15 };
/** What Kubernetes fills in; written out, so that our view equals the stored object. */
const defaultBehavior: Behavior = {
  scaleUp: {
    stabilizationWindowSeconds: 0,
    selectPolicy: "Max",
    policies: [{ type: "Pods", value: 4, periodSeconds: 15 }, percent],
  },
  scaleDown: { selectPolicy: "Max", policies: [percent] },
};

/** KServe drops the user's behaviour (weak spot 25). */
function behaviorOf({ spec }: Scaled): Behavior {
  const { scaleUp, scaleDown } = spec.autoScaling?.behavior ?? {};
  return {
    scaleUp: { ...defaultBehavior.scaleUp, ...scaleUp },
    scaleDown: { ...defaultBehavior.scaleDown, ...scaleDown },
  };
}

export function horizontalPodAutoscaler(workload: Scaled, { owner }: ScalingContext): HorizontalPodAutoscaler {
  const { minReplicas, maxReplicas = 0 } = workload.spec;
  const minimum = Math.max(minReplicas ?? 1, 1);
  const metrics = metricsOf(workload);
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: scalerMeta(workload, owner),
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: workload.workload },
      minReplicas: minimum,
      maxReplicas: Math.max(maxReplicas, minimum),
      // Without metrics Kubernetes itself scales on 80 % cpu; saying so keeps our view equal to the stored object.
      metrics: metrics.length === 0 ? [utilization("cpu", defaultCpuPercent)] : metrics,
      behavior: behaviorOf(workload),
    },
  };
}
