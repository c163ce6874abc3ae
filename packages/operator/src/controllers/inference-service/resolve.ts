// SPDX-License-Identifier: Apache-2.0
// From what was observed to what is to be built: mode, runtime, components; or the reason why not. Pure.
import {
  annotations,
  type InferenceService,
  implementationsOf,
  type Mode,
  modeOf,
  type Reason,
  roles,
  ServalError,
  type ServingConfig,
  type ServingRuntime,
  storageUriOf,
} from "@serval/api";
import type { PodFacts } from "../../pod/facts.ts";
import { withRuntimeDefaults } from "../../pod/runtime-defaults.ts";
import { buildComponent, type Component } from "./component.ts";
import { explainRejections, type RuntimeCatalog, selectRuntime } from "./runtime-selection.ts";

export interface Resolved {
  readonly isvc: InferenceService;
  readonly config: ServingConfig;
  readonly facts: PodFacts;
  readonly mode: Mode;
  readonly isStopped: boolean;
  /** Of the predictor's model; undefined for own containers. */
  readonly runtime: ServingRuntime | undefined;
  readonly components: readonly Component[];
}

export interface Failure {
  readonly reason: Reason;
  /** What went wrong, with KServe's text first; the event and `status.serval.message`. */
  readonly message: string;
  readonly fix: string;
  /** KServe's shorter text for `modelStatus.lastFailureInfo`; undefined: the model's status says nothing. */
  readonly modelMessage?: string | undefined;
  /** The condition that shows it; undefined: conditions stay (KServe, for runtime choice). */
  readonly condition?: { readonly type: string; readonly reason: string };
  /** The runtime that was chosen before things went wrong. */
  readonly runtime?: ServingRuntime | undefined;
}

export type Resolution = { readonly resolved: Resolved } | { readonly failure: Failure };

export const isStopped = (isvc: InferenceService): boolean =>
  isvc.metadata.annotations?.[annotations.stop]?.toLowerCase() === "true";

const unsupported = (message: string, fix: string): Failure => ({
  reason: "FeatureNotSupported",
  message,
  fix,
  condition: { type: "PredictorReady", reason: "FeatureNotSupported" },
});

type Unsupported = (isvc: InferenceService, config: ServingConfig) => Failure | undefined;

/** What this release cannot do yet: said, never silently left out. */
const unsupportedFeatures: readonly Unsupported[] = [
  ({ spec }) =>
    spec.predictor.workerSpec === undefined
      ? undefined
      : unsupported(
          "spec.predictor.workerSpec: multi-node serving is not available in this release",
          "Remove workerSpec, or fit the model on one node",
        ),
  ({ spec }) =>
    roles.some((role) => spec[role]?.storageUris !== undefined)
      ? unsupported(
          "storageUris: several model sources are not available in this release",
          "Use one storageUri in spec.predictor.model",
        )
      : undefined,
  ({ spec }) =>
    spec.predictor.storageContainerName === undefined
      ? undefined
      : unsupported(
          "spec.predictor.storageContainerName: ClusterStorageContainers are not available in this release",
          "Remove storageContainerName; the built-in storage initializer is used",
        ),
  ({ spec }) =>
    spec.predictor.model?.storage === undefined
      ? undefined
      : unsupported(
          "spec.predictor.model.storage: the storage-config secret is not available in this release",
          "Use storageUri, with credentials of the service account",
        ),
  ({ spec }) =>
    spec.explainer?.art === undefined
      ? undefined
      : unsupported(
          "spec.explainer.art: the built-in explainer is not available in this release",
          "Use spec.explainer.containers with an explainer image",
        ),
  ({ spec }, { storageInitializer: { ociModelMode, enableModelcar, enableOciModelSupport } }) =>
    /^oci(\+\w+)?:\/\//.test(storageUriOf("predictor", spec.predictor) ?? "") &&
    (ociModelMode !== "" || enableModelcar || enableOciModelSupport)
      ? unsupported(
          "storageUri: models in OCI images are not available in this release",
          "Use another storageUri (s3://, gs://, https://, pvc://, file://)",
        )
      : undefined,
  ({ metadata }) =>
    metadata.annotations?.[annotations.autoscalerClass] === "keda"
      ? unsupported(
          "autoscalerClass keda is not available in this release",
          "Set the annotation serving.kserve.io/autoscalerClass to hpa, external or none",
        )
      : undefined,
];

function modeFailure(mode: Mode, name: string): Failure | undefined {
  if (mode === "Standard") return undefined;
  return {
    reason: "ModeNotSupported",
    message: `the resolved deployment mode of InferenceService '${name}' is ${mode}, which this release does not serve`,
    fix: "Remove the annotation serving.kserve.io/deploymentMode, or set it to Standard",
    condition: { type: "PredictorReady", reason: `${mode}ModeNotSupported` },
  };
}

/** KServe keeps conditions when a runtime cannot be chosen; a model's failure shows in modelStatus. */
const modelFailures: ReadonlySet<Reason> = new Set([
  "RuntimeNotRecognized",
  "RuntimeDisabled",
  "NoSupportingRuntime",
  "InvalidPredictorSpec",
]);

function failureOf(error: ServalError, runtime: ServingRuntime | undefined): Failure {
  const isModelFailure = modelFailures.has(error.reason);
  return {
    reason: error.reason,
    message: error.message,
    fix: error.fix,
    modelMessage: isModelFailure ? error.message : undefined,
    runtime,
    ...(isModelFailure ? {} : { condition: { type: "PredictorReady", reason: "ReconcileFailed" } }),
  };
}

export interface ResolveInput {
  readonly isvc: InferenceService;
  readonly config: ServingConfig;
  readonly catalog: RuntimeCatalog;
  readonly facts: PodFacts;
}

export function resolve(input: ResolveInput): Resolution {
  const { isvc, config, facts } = input;
  const mode = modeOf(isvc, config.deploy.defaultDeploymentMode);
  const early =
    modeFailure(mode, isvc.metadata.name ?? "") ??
    unsupportedFeatures.map((feature) => feature(isvc, config)).find((failure) => failure !== undefined);
  if (early !== undefined) return { failure: early };
  const chosen = chooseRuntime(input);
  if ("failure" in chosen) return chosen;
  const { runtime } = chosen;
  const adapted = runtime === undefined ? isvc : withRuntimeDefaults(isvc, runtime);
  try {
    const components = roles
      .filter((role) => adapted.spec[role] !== undefined)
      .map((role) => buildComponent({ isvc: adapted, config, role, runtime }));
    return { resolved: { isvc: adapted, config, facts, mode, isStopped: isStopped(isvc), runtime, components } };
  } catch (error) {
    if (error instanceof ServalError) return { failure: failureOf(error, runtime) };
    throw error;
  }
}

function chooseRuntime({
  isvc,
  catalog,
}: ResolveInput): { runtime: ServingRuntime | undefined } | { failure: Failure } {
  const { predictor } = isvc.spec;
  const [implementation] = implementationsOf("predictor", predictor);
  if (implementation?.kind !== "model") return { runtime: undefined };
  const query = { model: implementation.spec, isMultiNode: predictor.workerSpec !== undefined };
  const choice = selectRuntime(query, catalog);
  if ("runtime" in choice) return { runtime: choice.runtime };
  const why = explainRejections(choice.rejected);
  const message = why === "" ? `${choice.detail}; there are no runtimes at all` : `${choice.detail}; ${why}`;
  const { fix } = new ServalError(choice.reason, message);
  return { failure: { reason: choice.reason, message, fix, modelMessage: choice.message } };
}
