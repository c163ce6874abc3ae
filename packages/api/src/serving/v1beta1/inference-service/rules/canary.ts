// SPDX-License-Identifier: Apache-2.0
// Rule 10 of KServe's validator (spec.canary), and that the seed's two canary percentages agree.
import type { Finding } from "@serval/api/errors/index.ts";
import type { InferenceService } from "../schema.ts";
import { extensionFindings, implementationFindings } from "./component.ts";
import { annotationOf, finding, none, type Rule } from "./rule.ts";
import { storageUriOf } from "./storage.ts";

const bad = (path: string, message: string): Finding => finding("InvalidCanary", path, message);

export const validCanary: Rule = (isvc) => {
  const { canary = [], predictor } = isvc.spec ?? {};
  if (canary.length === 0 || predictor === undefined) return none;
  if (annotationOf(isvc, "deploymentMode") !== "Standard")
    return [bad("spec.canary", "canary is only supported in Standard deployment mode")];
  const hasModel = predictor.model !== undefined || (storageUriOf("predictor", predictor) ?? "") !== "";
  if (!hasModel)
    return [
      bad(
        "spec.canary",
        "canary requires a stable predictor with a model (multi-model serving is not supported with canary)",
      ),
    ];
  const seen = new Set<string>();
  const found = canary.flatMap((_, index) => entryFindings(isvc, index, seen));
  const sum = canary.reduce((total, { trafficPercent }) => total + trafficPercent, 0);
  if (sum > 100) found.push(bad("spec.canary", `sum of canary trafficPercent values (${sum}) must be <= 100`));
  return found;
};

function entryFindings(isvc: Parameters<Rule>[0], index: number, seen: Set<string>): Finding[] {
  const entry = isvc.spec.canary?.[index];
  const stable = isvc.spec.predictor;
  const path = `spec.canary[${index}]`;
  if (entry === undefined) return none;
  const { predictor, trafficPercent } = entry;
  const { name } = predictor;
  if (name === undefined || name === "")
    return [bad(`${path}.predictor.name`, `canary[${index}] predictor.name is required`)];
  if (seen.has(name)) return [bad(`${path}.predictor.name`, `canary predictor.name "${name}" is duplicated`)];
  seen.add(name);
  if (name === stable.name)
    return [bad(`${path}.predictor.name`, `canary predictor.name "${name}" conflicts with stable predictor name`)];
  const found: Finding[] = [];
  if (trafficPercent < 0 || trafficPercent > 100)
    found.push(
      bad(`${path}.trafficPercent`, `canary "${name}" trafficPercent must be between 0 and 100, got ${trafficPercent}`),
    );
  const nested = [
    ...implementationFindings("predictor", predictor, `${path}.predictor`),
    ...extensionFindings(predictor, `${path}.predictor`),
  ];
  found.push(...nested.map((inner) => ({ ...inner, message: `canary "${name}" predictor: ${inner.message}` })));
  if (predictor.workerSpec !== undefined)
    found.push(
      bad(
        `${path}.predictor.workerSpec`,
        `canary "${name}" must not set workerSpec (multi-node is not yet supported for canary)`,
      ),
    );
  if ((predictor.maxReplicas ?? 0) !== 0) found.push(fixed(path, name, "maxReplicas"));
  for (const field of ["scaleTarget", "scaleMetric", "autoScaling"] as const)
    if (predictor[field] !== undefined) found.push(fixed(path, name, field));
  const { minReplicas } = predictor;
  if (minReplicas !== undefined && stable.minReplicas !== undefined && minReplicas > stable.minReplicas)
    found.push(
      bad(
        `${path}.predictor.minReplicas`,
        `canary "${name}" minReplicas (${minReplicas}) must not exceed stable predictor minReplicas (${stable.minReplicas})`,
      ),
    );
  return found;
}

const fixed = (path: string, name: string, field: string): Finding =>
  bad(`${path}.predictor.${field}`, `canary "${name}" must not set ${field} (canary uses fixed replicas)`);

/** The seed writes the percentage on the spec, KServe on the predictor; both mean the same. */
export const canaryPercentsAgree: Rule = ({ spec }) => {
  const outer = spec?.canaryTrafficPercent;
  const inner = spec?.predictor?.canaryTrafficPercent;
  if (outer === undefined || inner === undefined || outer === inner) return none;
  return [
    finding(
      "CanaryPercentConflict",
      "spec.canaryTrafficPercent",
      `spec.canaryTrafficPercent is ${outer} but spec.predictor.canaryTrafficPercent is ${inner}: both mean the same percentage`,
    ),
  ];
};

/** KServe takes any number. */
export const canaryPercentInRange: Rule = ({ spec }) => {
  const places = [
    { path: "spec.canaryTrafficPercent", percent: spec?.canaryTrafficPercent },
    ...(["predictor", "transformer", "explainer"] as const).map((role) => ({
      path: `spec.${role}.canaryTrafficPercent`,
      percent: spec?.[role]?.canaryTrafficPercent,
    })),
  ];
  return places.flatMap(({ path, percent }) =>
    percent === undefined || (percent >= 0 && percent <= 100)
      ? none
      : [
          finding(
            "InvalidCanary",
            path,
            `canaryTrafficPercent must be between 0 and 100, got ${percent}`,
            "Set the percentage of requests that the newest revision gets, 0 to 100",
          ),
        ],
  );
};

/** Ingress has no weights. `hasWeights`: the configuration's routes are Gateway API's. */
export function canaryWarnings({ spec }: InferenceService, hasWeights: boolean): string[] {
  const field =
    (spec?.canary ?? []).length > 0
      ? "spec.canary"
      : (spec?.canaryTrafficPercent ?? spec?.predictor?.canaryTrafficPercent) === undefined
        ? undefined
        : "canaryTrafficPercent";
  if (field === undefined || hasWeights) return [];
  return [
    `${field}: with Ingress networking every request goes to the stable predictor; set ingress.enableGatewayApi in the ConfigMap inferenceservice-config`,
  ];
}
