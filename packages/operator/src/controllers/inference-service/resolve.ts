// SPDX-License-Identifier: Apache-2.0
// From what was observed to what is to be built: mode, runtime, components; or the reason why not. Pure.
import {
  annotations,
  type InferenceService,
  type Mode,
  modeOf,
  namespaceOf,
  roles,
  ServalError,
  type ServingConfig,
  type ServingRuntime,
  storageUriOf,
} from "@serval/api";
import type { ChildKind } from "../../children/children.ts";
import type { PodFacts } from "../../pod/facts.ts";
import { type Canary, declaredCanaries } from "./canary.ts";
import type { Component } from "./component.ts";
import { type RolloutLive, withRollout } from "./rollout.ts";
import type { RuntimeCatalog } from "./runtime-selection.ts";
import { buildVariant, type Failure, failureOf } from "./variant.ts";

export type { Failure } from "./variant.ts";

export interface Resolved {
  readonly isvc: InferenceService;
  readonly config: ServingConfig;
  readonly facts: PodFacts;
  /** Whether the cluster has this kind of child. */
  readonly serves: (kind: ChildKind) => boolean;
  readonly mode: Mode;
  readonly isStopped: boolean;
  /** Of the predictor's model; undefined for own containers. */
  readonly runtime: ServingRuntime | undefined;
  readonly components: readonly Component[];
  /** Of `spec.canary`, or the one that `canaryTrafficPercent` makes. */
  readonly canaries: readonly Canary[];
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

export interface ResolveInput {
  readonly isvc: InferenceService;
  readonly config: ServingConfig;
  readonly catalog: RuntimeCatalog;
  readonly facts: PodFacts;
  /** What is there now: canaries get traffic when they are ready, and a promotion goes by what runs. */
  readonly live: RolloutLive;
}

export function resolve(input: ResolveInput): Resolution {
  const { isvc, config, facts, live } = input;
  const mode = modeOf(isvc, config.deploy.defaultDeploymentMode);
  const early =
    modeFailure(mode, isvc.metadata.name ?? "") ??
    unsupportedFeatures.map((feature) => feature(isvc, config)).find((failure) => failure !== undefined);
  if (early !== undefined) return { failure: early };
  const built = buildVariant(input);
  if ("failure" in built) return built;
  const { variant } = built;
  const namespace = namespaceOf(isvc);
  const isReady = ({ workload }: Component): boolean =>
    (live.deployment({ namespace, name: workload })?.status?.availableReplicas ?? 0) > 0;
  const plain: Resolved = {
    ...variant,
    config,
    facts,
    serves: live.serves,
    mode,
    isStopped: isStopped(isvc),
    canaries: isStopped(isvc) ? [] : declaredCanaries(input, isReady),
  };
  try {
    return { resolved: withRollout(plain, input, live) };
  } catch (error) {
    if (error instanceof ServalError) return { failure: failureOf(error, variant.runtime) };
    throw error;
  }
}
