// SPDX-License-Identifier: Apache-2.0
// What an InferenceService must be. A rule is one function in a file beside this one and one line in the list below;
// the list's order is KServe's order of checking, so that the first finding is the text KServe would have given.
import type { ServingConfig } from "@serval/api/config/parse.ts";
import type { Finding } from "@serval/api/errors/index.ts";
import type { InferenceService } from "../schema.ts";
import { canaryPercentInRange, canaryPercentsAgree, canaryWarnings, validCanary } from "./canary.ts";
import { extensionFindings, implementationFindings } from "./component.ts";
import { validWorkerSpec } from "./multi-node.ts";
import {
  collocatedTransformerLoadsNothing,
  knownAutoscalerClass,
  modelHasNoContainerName,
  noBlockedEnvironment,
  validName,
} from "./naming.ts";
import { componentsOf, finding, none, type Rule } from "./rule.ts";
import { scalingFindings, scalingWarnings } from "./scaling.ts";
import { storageWarnings, validConfidential, validStorageUris } from "./storage.ts";
import { modeIsFrozen, renameNeedsNewModel } from "./update.ts";
import { settingWarnings } from "./warnings.ts";

/** KServe panics here (inv-spec-missing, inv-no-implementation); we say what is missing. */
const hasPredictor: Rule = ({ spec }) =>
  spec?.predictor === undefined
    ? [
        finding(
          "ImplementationCount",
          "spec.predictor",
          "spec.predictor is missing: an InferenceService needs a predictor",
        ),
      ]
    : none;

const validComponents: Rule = (isvc) =>
  componentsOf(isvc).flatMap(({ role, component }) => [
    ...implementationFindings(role, component, `spec.${role}`),
    ...extensionFindings(component, `spec.${role}`),
    ...scalingFindings(isvc, component, `spec.${role}`),
  ]);

const rules: readonly Rule[] = [
  modeIsFrozen,
  renameNeedsNewModel,
  validName,
  knownAutoscalerClass,
  hasPredictor,
  noBlockedEnvironment,
  validWorkerSpec,
  collocatedTransformerLoadsNothing,
  modelHasNoContainerName,
  validStorageUris,
  validConfidential,
  validComponents,
  validCanary,
  canaryPercentInRange,
  canaryPercentsAgree,
];

const updateOnly: ReadonlySet<Rule> = new Set([modeIsFrozen, renameNeedsNewModel]);
const run = (isvc: InferenceService, previous?: InferenceService): Finding[] =>
  rules.flatMap((rule) => rule(isvc, previous));
const identity = ({ reason, path, message }: Finding): string => `${reason}\0${path}\0${message}`;

/**
 * What is wrong with `next`, in KServe's order. On update, a finding that the stored object has too is left out: whoever
 * edits a label of an object from an older release is not asked to repair its spec first.
 */
export function inferenceServiceFindings(next: InferenceService, previous?: InferenceService): Finding[] {
  const found = run(next, previous);
  if (previous === undefined || found.length === 0) return found;
  const old = new Set(
    rules
      .filter((rule) => !updateOnly.has(rule))
      .flatMap((rule) => rule(previous))
      .map(identity),
  );
  return found.filter((entry) => !old.has(identity(entry)));
}

/** What warnings need to know of the configuration. */
type WarningConfig = { readonly ingress: Pick<ServingConfig["ingress"], "enableGatewayApi"> };
const anyConfig: WarningConfig = { ingress: { enableGatewayApi: true } };

/** Accepted, but worth a yellow line in kubectl. */
export const inferenceServiceWarnings = (isvc: InferenceService, config: WarningConfig = anyConfig): string[] => [
  ...storageWarnings(isvc),
  ...settingWarnings(isvc),
  ...scalingWarnings(isvc),
  ...canaryWarnings(isvc, config.ingress.enableGatewayApi),
];

export { gpuResourceTypes } from "./multi-node.ts";
export { commonParent, storageUriOf } from "./storage.ts";
