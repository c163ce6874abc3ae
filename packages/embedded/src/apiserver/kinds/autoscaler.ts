// SPDX-License-Identifier: Apache-2.0
// HorizontalPodAutoscaler (autoscaling/v2): defaults and validation.
// Source: k8s.io/kubernetes/pkg/apis/autoscaling/v2/defaults.go, pkg/apis/autoscaling/validation/validation.go
import type { HorizontalPodAutoscaler, HPAScalingRules } from "@serval/api";
import type { FieldError } from "@serval/kube/patch/contract";
import type { KindRules } from "../resources/resource.ts";
import { invalidValue, required, unsupported } from "./finding.ts";

const percent100 = () => ({ type: "Percent", value: 100, periodSeconds: 15 });

function defaultRules(rules: HPAScalingRules | undefined, defaults: HPAScalingRules): HPAScalingRules {
  return {
    ...rules,
    ...(rules?.stabilizationWindowSeconds === undefined && defaults.stabilizationWindowSeconds !== undefined
      ? { stabilizationWindowSeconds: defaults.stabilizationWindowSeconds }
      : {}),
    selectPolicy: rules?.selectPolicy ?? "Max",
    policies: rules?.policies ?? defaults.policies,
  };
}

const metricSources = {
  ContainerResource: "containerResource",
  External: "external",
  Object: "object",
  Pods: "pods",
  Resource: "resource",
} as const;
const targetTypes = ["AverageValue", "Utilization", "Value"];

function metricErrors(metrics: NonNullable<NonNullable<HorizontalPodAutoscaler["spec"]>["metrics"]>): FieldError[] {
  return metrics.flatMap((metric, index) => {
    const path = `spec.metrics[${index}]`;
    if (!Object.hasOwn(metricSources, metric.type))
      return [unsupported(`${path}.type`, metric.type, Object.keys(metricSources))];
    const field = metricSources[metric.type as keyof typeof metricSources];
    const source = metric[field];
    if (source === undefined)
      return [required(`${path}.${field}`, `must populate information for the given metric source`)];
    const { target } = source;
    if (!target.type) return [required(`${path}.${field}.target.type`, "must specify a metric target type")];
    return targetTypes.includes(target.type)
      ? []
      : [
          invalidValue(
            `${path}.${field}.target.type`,
            target.type,
            "must be either Utilization, Value, or AverageValue",
          ),
        ];
  });
}

export const autoscalerRules: KindRules = {
  initialStatus: () => ({ currentMetrics: null, desiredReplicas: 0 }),
  defaults(object) {
    const { spec } = object as unknown as HorizontalPodAutoscaler;
    if (spec === undefined) return;
    spec.minReplicas ??= 1;
    if ((spec.metrics ?? []).length === 0) {
      spec.metrics = [
        { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } },
      ];
    }
    if (spec.behavior === undefined) return;
    spec.behavior.scaleUp = defaultRules(spec.behavior.scaleUp, {
      stabilizationWindowSeconds: 0,
      policies: [{ type: "Pods", value: 4, periodSeconds: 15 }, percent100()],
    });
    spec.behavior.scaleDown = defaultRules(spec.behavior.scaleDown, { policies: [percent100()] });
  },
  validate(next) {
    const { spec } = next as unknown as HorizontalPodAutoscaler;
    if (spec === undefined) return [required("spec.scaleTargetRef.kind"), required("spec.scaleTargetRef.name")];
    const errors: FieldError[] = [];
    const { minReplicas = 1, maxReplicas, scaleTargetRef } = spec;
    // HPAScaleToZero is off in Kubernetes 1.34: zero needs the gate.
    if (minReplicas < 1)
      errors.push(invalidValue("spec.minReplicas", minReplicas, "must be greater than or equal to 1"));
    if (!(maxReplicas >= 1)) errors.push(invalidValue("spec.maxReplicas", maxReplicas ?? 0, "must be greater than 0"));
    else if (maxReplicas < minReplicas)
      errors.push(invalidValue("spec.maxReplicas", maxReplicas, "must be greater than or equal to `minReplicas`"));
    if (!scaleTargetRef?.kind) errors.push(required("spec.scaleTargetRef.kind"));
    if (!scaleTargetRef?.name) errors.push(required("spec.scaleTargetRef.name"));
    if (!scaleTargetRef?.apiVersion) {
      errors.push(invalidValue("spec.scaleTargetRef.apiVersion", "", "apiVersion must specify API group"));
    }
    return [...errors, ...metricErrors(spec.metrics ?? [])];
  },
};
