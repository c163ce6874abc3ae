// SPDX-License-Identifier: Apache-2.0
// Deployment and ReplicaSet: defaults and validation.
// Source: k8s.io/kubernetes/pkg/apis/apps/v1/defaults.go, pkg/apis/apps/validation/validation.go
import { isDeepStrictEqual } from "node:util";
import type { AnyObject, Deployment, LabelSelector, PodTemplateSpec, ReplicaSet } from "@serval/api";
import type { FieldError } from "@serval/kube/patch/contract";
import type { KindRules } from "../resources/resource.ts";
import { invalidValue, labelErrors, required, unsupported } from "./finding.ts";
import { defaultPodSpec } from "./pod-defaults.ts";
import { podSpecErrors } from "./pod-rules.ts";

type Expression = { key: string; operator: string; values?: string[] | undefined };

function expressionHolds(
  { key, operator, values = [] }: Expression,
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = labels[key];
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    default:
      return value === undefined;
  }
}

/** An empty selector matches everything. */
export function selectorMatches(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every((expression) => expressionHolds(expression, labels))
  );
}

const isEmptySelector = ({ matchLabels, matchExpressions }: LabelSelector): boolean =>
  Object.keys(matchLabels ?? {}).length + (matchExpressions ?? []).length === 0;

const setOperators = ["DoesNotExist", "Exists", "In", "NotIn"];

function selectorErrors(selector: LabelSelector | undefined, template: PodTemplateSpec | undefined): FieldError[] {
  if (selector === undefined) return [required("spec.selector")];
  if (isEmptySelector(selector))
    return [invalidValue("spec.selector", selector, "empty selector is invalid for deployment")];
  const errors = labelErrors(selector.matchLabels, "spec.selector.matchLabels");
  for (const [index, { operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const path = `spec.selector.matchExpressions[${index}]`;
    if (!setOperators.includes(operator))
      errors.push(invalidValue(`${path}.operator`, operator, "not a valid selector operator"));
    if (operator.endsWith("In") && values.length === 0)
      errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
  }
  const labels = template?.metadata?.labels ?? {};
  if (errors.length === 0 && !selectorMatches(selector, labels)) {
    errors.push(invalidValue("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"));
  }
  return errors;
}

const notNegative = (path: string, value: number | undefined): FieldError[] =>
  value !== undefined && value < 0 ? [invalidValue(path, value, "must be greater than or equal to 0")] : [];

function templateErrors(template: PodTemplateSpec | undefined): FieldError[] {
  const errors = [
    ...labelErrors(template?.metadata?.labels, "spec.template.metadata.labels"),
    ...podSpecErrors(template?.spec, "spec.template.spec"),
  ];
  const policy = template?.spec?.restartPolicy;
  if (policy && policy !== "Always") errors.push(unsupported("spec.template.spec.restartPolicy", policy, ["Always"]));
  return errors;
}

/** The selector decides which pods are whose: it may never change. */
function immutableSelector(next: LabelSelector | undefined, old: AnyObject | undefined): FieldError[] {
  if (old === undefined) return [];
  const before = (old as unknown as Deployment).spec?.selector;
  return isDeepStrictEqual(before, next) ? [] : [invalidValue("spec.selector", next, "field is immutable")];
}

const isPercentOrCount = (value: unknown): boolean =>
  typeof value === "number" ? Number.isInteger(value) && value >= 0 : /^\d+%$/.test(String(value));
const amountOf = (value: unknown): number => Number.parseInt(String(value), 10);

function strategyErrors({ strategy }: NonNullable<Deployment["spec"]>): FieldError[] {
  if (strategy === undefined) return [];
  const path = "spec.strategy";
  if (strategy.type === "Recreate") {
    if (strategy.rollingUpdate === undefined) return [];
    return [
      {
        path: `${path}.rollingUpdate`,
        reason: "FieldValueForbidden",
        message: "Forbidden: may not be specified when strategy `type` is 'Recreate'",
      },
    ];
  }
  if (strategy.type !== "RollingUpdate")
    return [unsupported(`${path}.type`, strategy.type, ["Recreate", "RollingUpdate"])];
  const { maxUnavailable, maxSurge } = strategy.rollingUpdate ?? {};
  const wrong = Object.entries({ maxUnavailable, maxSurge }).filter(
    ([, value]) => value !== undefined && !isPercentOrCount(value),
  );
  const detail =
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
  if (wrong.length > 0)
    return wrong.map(([field, value]) => invalidValue(`${path}.rollingUpdate.${field}`, value, detail));
  if (amountOf(maxUnavailable) !== 0 || amountOf(maxSurge) !== 0) return [];
  return [invalidValue(`${path}.rollingUpdate.maxUnavailable`, maxUnavailable, "may not be 0 when `maxSurge` is 0")];
}

export const deploymentRules: KindRules = {
  initialStatus: () => ({}),
  defaults(object) {
    const { spec } = object as unknown as Deployment;
    if (spec === undefined) return;
    spec.replicas ??= 1;
    spec.strategy ??= {};
    spec.strategy.type ||= "RollingUpdate";
    if (spec.strategy.type === "RollingUpdate") {
      spec.strategy.rollingUpdate ??= {};
      spec.strategy.rollingUpdate.maxUnavailable ??= "25%";
      spec.strategy.rollingUpdate.maxSurge ??= "25%";
    }
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    if (spec.template?.spec !== undefined) defaultPodSpec(spec.template.spec);
  },
  validate(next, old) {
    const { spec } = next as unknown as Deployment;
    if (spec === undefined) return [required("spec.selector"), required("spec.template.spec.containers")];
    const deadline = spec.progressDeadlineSeconds ?? 600;
    const early = deadline <= (spec.minReadySeconds ?? 0);
    return [
      ...notNegative("spec.replicas", spec.replicas),
      ...selectorErrors(spec.selector, spec.template),
      ...templateErrors(spec.template),
      ...strategyErrors(spec),
      ...notNegative("spec.minReadySeconds", spec.minReadySeconds),
      ...notNegative("spec.revisionHistoryLimit", spec.revisionHistoryLimit),
      ...notNegative("spec.progressDeadlineSeconds", spec.progressDeadlineSeconds),
      ...(early
        ? [invalidValue("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")]
        : []),
      ...immutableSelector(spec.selector, old),
    ];
  },
};

export const replicaSetRules: KindRules = {
  initialStatus: () => ({ replicas: 0 }),
  defaults(object) {
    const { spec } = object as unknown as ReplicaSet;
    if (spec === undefined) return;
    spec.replicas ??= 1;
    if (spec.template?.spec !== undefined) defaultPodSpec(spec.template.spec);
  },
  validate(next, old) {
    const { spec } = next as unknown as ReplicaSet;
    if (spec === undefined) return [required("spec.selector")];
    return [
      ...notNegative("spec.replicas", spec.replicas),
      ...notNegative("spec.minReadySeconds", spec.minReadySeconds),
      ...selectorErrors(spec.selector, spec.template),
      ...templateErrors(spec.template),
      ...immutableSelector(spec.selector, old),
    ];
  },
};
