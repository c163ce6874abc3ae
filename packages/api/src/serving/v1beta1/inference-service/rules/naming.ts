// SPDX-License-Identifier: Apache-2.0
// Rules 1 to 6 of KServe's validator that concern names, the autoscaler class and environment variables.
import type { Container } from "@serval/api/core/index.ts";
import type { Finding } from "@serval/api/errors/index.ts";
import { containerNames } from "@serval/api/serving/names.ts";
import { predictorImplementations } from "../implementations.ts";
import { frameworkNames } from "../schema.ts";
import { annotationOf, finding, none, type Rule } from "./rule.ts";

const namePattern = "[a-z]([-a-z0-9]*[a-z0-9])?";
const nameRegex = new RegExp(`^${namePattern}$`);

export const validName: Rule = ({ metadata: { name } }) =>
  nameRegex.test(name)
    ? none
    : [
        finding(
          "InvalidName",
          "metadata.name",
          `the InferenceService "${name}" is invalid: a InferenceService name must consist of lower case alphanumeric characters or '-', and must start with alphabetical character. (e.g. "my-name" or "abc-123", regex used for validation is '${namePattern}')`,
        ),
      ];

/** KServe's four, and the seed's `knative`. */
const autoscalerClasses: readonly string[] = ["hpa", "external", "keda", "none", "knative"];

export const knownAutoscalerClass: Rule = (isvc) => {
  const given = annotationOf(isvc, "autoscalerClass");
  if (given === undefined || autoscalerClasses.includes(given)) return none;
  return [
    finding(
      "InvalidAutoscalerClass",
      "metadata.annotations[serving.kserve.io/autoscalerClass]",
      `[${given}] is not a supported autoscaler class type`,
    ),
  ];
};

type EnvHolder = { name?: string | undefined; env?: Container["env"] };

const blockedEnv = "PYTHONPATH";

function blocked(isvcName: string, path: string, container: EnvHolder): Finding[] {
  const index = container.env?.findIndex(({ name }) => name === blockedEnv) ?? -1;
  if (index < 0) return none;
  const message = `the InferenceService "${isvcName}" is invalid: setting ${blockedEnv} in container "${container.name ?? ""}" is not allowed for security reasons`;
  return [finding("BlockedEnvironment", `${path}.env[${index}]`, message)];
}

export const noBlockedEnvironment: Rule = ({ metadata: { name }, spec }) => {
  const pod = (
    path: string,
    holder: { containers?: Container[] | undefined; initContainers?: Container[] | undefined },
  ) =>
    (["containers", "initContainers"] as const).flatMap((list) =>
      (holder[list] ?? []).flatMap((container, index) => blocked(name, `${path}.${list}[${index}]`, container)),
    );
  const predictor = spec?.predictor;
  const found: Finding[] = [];
  if (predictor !== undefined) {
    found.push(...pod("spec.predictor", predictor));
    for (const key of ["model", ...frameworkNames] as const) {
      const model = predictor[key];
      if (model !== undefined) found.push(...blocked(name, `spec.predictor.${key}`, model));
    }
    if (predictor.workerSpec !== undefined) found.push(...pod("spec.predictor.workerSpec", predictor.workerSpec));
  }
  if (spec?.transformer !== undefined) found.push(...pod("spec.transformer", spec.transformer));
  if (spec?.explainer !== undefined) found.push(...pod("spec.explainer", spec.explainer));
  if (spec?.explainer?.art !== undefined) found.push(...blocked(name, "spec.explainer.art", spec.explainer.art));
  return found;
};

export const collocatedTransformerLoadsNothing: Rule = ({ spec }) =>
  (spec?.predictor?.containers ?? []).flatMap((container, index) =>
    container.name === containerNames.transformer && container.env?.some(({ name }) => name === "STORAGE_URI") === true
      ? [
          finding(
            "InvalidTransformerContainer",
            `spec.predictor.containers[${index}].env`,
            "storage uri should not be specified in transformer container",
          ),
        ]
      : none,
  );

export const modelHasNoContainerName: Rule = ({ spec }) => {
  if (spec?.predictor === undefined) return none;
  return predictorImplementations(spec.predictor).flatMap(({ kind, name, spec: container }) =>
    (kind === "model" || kind === "framework") && (container.name ?? "") !== ""
      ? [
          finding(
            "NameFieldNotAllowed",
            `spec.predictor.${name}.name`,
            "the 'name' field is not allowed in standard predictor",
          ),
        ]
      : none,
  );
};
