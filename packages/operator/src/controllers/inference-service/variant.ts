// SPDX-License-Identifier: Apache-2.0
// One way to serve a model: a predictor with its runtime and what stands before it. The service itself is one, each
// canary is another. Pure.
import {
  type InferenceService,
  implementationsOf,
  type Reason,
  type Role,
  roles,
  ServalError,
  type ServingConfig,
  type ServingRuntime,
} from "@serval/api";
import type { PodFacts } from "../../pod/facts.ts";
import { withRuntimeDefaults } from "../../pod/runtime-defaults.ts";
import { buildComponent, type Component } from "./component.ts";
import { explainRejections, type RuntimeCatalog, selectRuntime } from "./runtime-selection.ts";

export interface Failure {
  readonly reason: Reason;
  /** What went wrong, with KServe's text first; the event and `status.serval.message`. */
  readonly message: string;
  readonly fix: string;
  /** KServe's shorter text for `modelStatus.lastFailureInfo`; undefined: the model's status says nothing. */
  readonly modelMessage?: string | undefined;
  /** The condition that shows it; undefined: conditions stay (KServe, for runtime choice). */
  readonly condition?: { readonly type: string; readonly reason: string };
  /** Only the route was refused: everything else of the status is as the children say. */
  readonly isRoute?: boolean;
  /** The runtime that was chosen before things went wrong. */
  readonly runtime?: ServingRuntime | undefined;
}

export interface Variant {
  /** With the runtime's defaults. */
  readonly isvc: InferenceService;
  /** Of the predictor's model; undefined for own containers. */
  readonly runtime: ServingRuntime | undefined;
  readonly components: readonly Component[];
}

export interface VariantInput {
  readonly isvc: InferenceService;
  readonly config: ServingConfig;
  readonly catalog: RuntimeCatalog;
  readonly facts: PodFacts;
  /** Default: all that the service has. */
  readonly roles?: readonly Role[];
  /** Object names that are not the components' own. */
  readonly names?: Partial<Readonly<Record<Role, string>>>;
}

/** KServe keeps conditions when a runtime cannot be chosen; a model's failure shows in modelStatus. */
const modelFailures: ReadonlySet<Reason> = new Set([
  "RuntimeNotRecognized",
  "RuntimeDisabled",
  "NoSupportingRuntime",
  "InvalidPredictorSpec",
  "InvalidWorkerSpecNotSet",
]);
/** Failures whose reason is that of the condition too (KServe). */
const ownReasons: ReadonlySet<Reason> = new Set(["InvalidGPUAllocation"]);

export function failureOf(error: ServalError, runtime: ServingRuntime | undefined): Failure {
  const isModelFailure = modelFailures.has(error.reason);
  const reason = ownReasons.has(error.reason) ? error.reason : "ReconcileFailed";
  return {
    reason: error.reason,
    message: error.message,
    fix: error.fix,
    modelMessage: isModelFailure ? error.message : undefined,
    runtime,
    ...(isModelFailure ? {} : { condition: { type: "PredictorReady", reason } }),
  };
}

type Choice = { readonly runtime: ServingRuntime | undefined } | { readonly failure: Failure };

function chooseRuntime({ isvc, catalog }: VariantInput): Choice {
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

export function buildVariant(input: VariantInput): { readonly variant: Variant } | { readonly failure: Failure } {
  const { isvc, config, facts, names = {}, roles: wanted = roles } = input;
  const chosen = chooseRuntime(input);
  if ("failure" in chosen) return chosen;
  const { runtime } = chosen;
  const adapted = runtime === undefined ? isvc : withRuntimeDefaults(isvc, runtime);
  try {
    const components = wanted
      .filter((role) => adapted.spec[role] !== undefined)
      .map((role) =>
        buildComponent({
          isvc: adapted,
          config,
          facts,
          role,
          runtime,
          name: names[role],
          predictorName: names.predictor,
        }),
      );
    return { variant: { isvc: adapted, runtime, components } };
  } catch (error) {
    if (error instanceof ServalError) return { failure: failureOf(error, runtime) };
    throw error;
  }
}
