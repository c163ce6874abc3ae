// SPDX-License-Identifier: Apache-2.0
// The autoscaling part of rule 9 of KServe's validator: HPA, KEDA and Knative rules by mode and class.
import type { Finding } from "@serval/api/errors/index.ts";
import type { ComponentMetric } from "@serval/api/serving/component-schema.ts";
import { quantityValue } from "@serval/api/serving/quantity.ts";
import type { ComponentSpec } from "../implementations.ts";
import type { InferenceService } from "../schema.ts";
import { annotationOf, finding, none } from "./rule.ts";

const bad = (path: string, message: string): Finding => finding("InvalidScaling", path, message);
const percentText = "the target utilization percentage should be a [1-100] integer";
const mebi = 1024 * 1024;

/** The seed accepts these with `hpa` where KServe refuses them (decision 14). */
const seedMetrics: readonly string[] = ["concurrency", "rps"];

function hpaFindings(component: ComponentSpec, path: string): Finding[] {
  const { scaleMetric = "cpu", scaleTarget, autoScaling } = component;
  const found: Finding[] = [];
  if (scaleTarget !== undefined && !seedMetrics.includes(scaleMetric)) {
    // KServe: operator precedence makes the upper bound hold for memory too.
    if ((scaleMetric === "cpu" && scaleTarget < 1) || scaleTarget > 100)
      found.push(bad(`${path}.scaleTarget`, percentText));
    else if (scaleMetric === "memory" && scaleTarget < 1)
      found.push(bad(`${path}.scaleTarget`, "the target memory should be greater than 1 MiB"));
  }
  autoScaling?.metrics?.forEach((metric, index) => {
    const at = `${path}.autoScaling.metrics[${index}]`;
    if (metric.type !== "Resource")
      found.push(
        bad(
          `${at}.type`,
          `invalid HPA metric source type with value [${metric.type}],valid metric source types are Resource`,
        ),
      );
    else if (metric.resource === undefined)
      found.push(bad(`${at}.resource`, "metricSpec.Resource is not set for resource metric source type"));
  });
  return found;
}

type Target = NonNullable<ComponentMetric["resource"]>["target"];

function targetFinding(target: Target, path: string): Finding | undefined {
  if (target.type === "Utilization") {
    if (target.averageUtilization === undefined) return bad(path, "the AverageUtilization type should be set");
    if (target.averageUtilization < 1 || target.averageUtilization > 100) return bad(path, percentText);
  }
  if (target.type === "AverageValue" && target.averageValue === undefined)
    return bad(path, "the AverageValue type should be set");
  if (target.type === "Value" && target.value === undefined) return bad(path, "the Value type should be set");
  return undefined;
}

function kedaResource({ resource }: ComponentMetric, path: string): Finding | undefined {
  if (resource === undefined) return bad(path, "metricSpec.Resource is not set for resource metric source type");
  const { name, target } = resource;
  const at = `${path}.target`;
  if (name === "cpu" && target.type !== "Utilization")
    return bad(at, "the cpu target value type should be Utilization");
  if (name === "memory") {
    if (target.type !== "AverageValue" && target.type !== "Utilization")
      return bad(at, "the memory target value type should be AverageValue or Utilization");
    if (
      target.type === "AverageValue" &&
      target.averageValue !== undefined &&
      quantityValue(target.averageValue) < mebi
    )
      return bad(at, "the memory target value should be greater than 1 MiB");
  }
  return targetFinding(target, at);
}

function kedaMetric(metric: ComponentMetric, path: string): Finding | undefined {
  if (metric.type === "Resource") return kedaResource(metric, `${path}.resource`);
  const isExternal = metric.type === "External";
  const source = isExternal ? metric.external : metric.podmetric;
  const at = `${path}.${isExternal ? "external" : "podmetric"}`;
  if (source === undefined)
    return bad(
      at,
      isExternal
        ? "metricSpec.External is not set for external metric source type"
        : "metricSpec.PodMetric is not set for pod metric source type",
    );
  if ((source.metric.query ?? "") === "") return bad(`${at}.metric.query`, "the query should not be empty");
  if (source.target.value === undefined)
    return bad(`${at}.target.value`, "the target threshold value should not be empty");
  return targetFinding(source.target, `${at}.target`);
}

function kedaFindings(component: ComponentSpec, path: string): Finding[] {
  const metrics = component.autoScaling?.metrics ?? [];
  return [
    ...(component.scaleMetric === undefined
      ? none
      : [bad(`${path}.scaleMetric`, "ScaleMetric is not supported for KEDA")]),
    ...metrics.flatMap((metric, index) => kedaMetric(metric, `${path}.autoScaling.metrics[${index}]`) ?? none),
  ];
}

function knativeFindings(component: ComponentSpec, path: string): Finding[] {
  const { deploymentStrategy, scaleMetric = "concurrency", scaleTarget } = component;
  const found: Finding[] = [];
  if (deploymentStrategy !== undefined)
    found.push(
      bad(`${path}.deploymentStrategy`, "customizing deploymentStrategy is only supported for raw deployment mode"),
    );
  if (scaleMetric !== "concurrency" && scaleMetric !== "rps")
    found.push(bad(`${path}.scaleMetric`, `[${scaleMetric}] is not a supported metric`));
  if (scaleMetric === "rps" && scaleTarget !== undefined && scaleTarget < 1)
    found.push(bad(`${path}.scaleTarget`, "the target for rps should be greater than 1"));
  return found;
}

/** KServe: in Standard mode nothing is checked while the class annotation is absent, though hpa is the default. */
export function scalingFindings(isvc: InferenceService, component: ComponentSpec, path: string): Finding[] {
  if (annotationOf(isvc, "deploymentMode") === "Standard") {
    const autoscaler = annotationOf(isvc, "autoscalerClass");
    if (autoscaler === "hpa") return hpaFindings(component, path);
    return autoscaler === "keda" ? kedaFindings(component, path) : none;
  }
  return annotationOf(isvc, "knativeClass") === "hpa.autoscaling.knative.dev"
    ? hpaFindings(component, path)
    : knativeFindings(component, path);
}

export function scalingWarnings(isvc: InferenceService): string[] {
  const { scaleMetric } = isvc.spec?.predictor ?? {};
  const isStandard = annotationOf(isvc, "deploymentMode") === "Standard";
  return isStandard && scaleMetric !== undefined && seedMetrics.includes(scaleMetric)
    ? [
        `spec.predictor.scaleMetric: "${scaleMetric}" is accepted but this release scales on cpu in Standard mode; request-based scaling follows`,
      ]
    : [];
}
