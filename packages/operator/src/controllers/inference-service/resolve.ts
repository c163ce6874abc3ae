// SPDX-License-Identifier: Apache-2.0
// From what was observed to what is to be built: mode, runtime, components; or the reason why not. Pure.
import {
  annotations,
  type InferenceService,
  type Mode,
  modeOf,
  namespaceOf,
  ServalError,
  type ServingConfig,
  type ServingRuntime,
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
  const early = modeFailure(mode, isvc.metadata.name ?? "");
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
