// SPDX-License-Identifier: Apache-2.0
// Canaries: further predictors beside the stable one, each with a share of the traffic. Pure.
// Source: KServe canary_reconciler.go. KServe lets a canary's traffic pass the transformer by (weak spot 3); here each
// canary has its own copy of it, so that the split at the route is the split at the predictors.
import type { InferenceService, PredictorSpec, Role } from "@serval/api";
import type { Component } from "./component.ts";
import { buildVariant, type Failure, type VariantInput } from "./variant.ts";

export interface Canary {
  /** As in `status.canaryStatuses`. */
  readonly name: string;
  /** 0 to 100. */
  readonly percent: number;
  /** The predictor, then its transformer; empty when it cannot be built. */
  readonly components: readonly Component[];
  readonly failure?: Failure;
  /** Everything that a request to it passes has a ready replica. */
  readonly isReady: boolean;
}

type Json = unknown;
const isMap = (value: Json): value is Record<string, Json> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const saysNothing = (value: Json): boolean =>
  value === undefined ||
  value === null ||
  value === "" ||
  value === 0 ||
  value === false ||
  (Array.isArray(value) && value.length === 0);

/** KServe's merge of a canary over the stable predictor: zero values and empty lists never override. */
export function overlaid(base: Json, over: Json): Json {
  if (!isMap(base) || !isMap(over)) return saysNothing(over) ? base : over;
  const names = new Set([...Object.keys(base), ...Object.keys(over)]);
  return Object.fromEntries([...names].map((name) => [name, overlaid(base[name], over[name])]));
}

/** A canary's replicas are fixed. */
const scalingFields = ["maxReplicas", "scaleTarget", "scaleMetric", "scaleMetricType", "autoScaling"] as const;

/** KServe: the canary's share of the stable predictor's minimum, rounded up, unless the canary says a number itself. */
export const canaryReplicas = (stableMinimum: number | undefined, percent: number, own?: number): number =>
  own ?? Math.ceil(((stableMinimum ?? 1) * percent) / 100);

export interface CanarySpec {
  readonly name: string;
  readonly percent: number;
  readonly predictor: PredictorSpec;
  readonly names: Partial<Readonly<Record<Role, string>>>;
}

/** The service as the canary sees it: its own predictor, no explainer, no further canaries. */
function canaryService(isvc: InferenceService, { predictor }: CanarySpec): InferenceService {
  const { canary: _canary, explainer: _explainer, ...spec } = isvc.spec;
  return { ...isvc, spec: { ...spec, predictor } };
}

/** @param isReady of a component's Deployment. */
export function buildCanary(input: VariantInput, spec: CanarySpec, isReady: (component: Component) => boolean): Canary {
  const { name, percent, names } = spec;
  const built = buildVariant({ ...input, isvc: canaryService(input.isvc, spec), names });
  if ("failure" in built) return { name, percent, components: [], isReady: false, failure: built.failure };
  const { components } = built.variant;
  return { name, percent, components, isReady: components.every(isReady) };
}

/** One entry of `spec.canary` as what is to be built. */
function entrySpec(isvc: InferenceService, entry: NonNullable<InferenceService["spec"]["canary"]>[number]): CanarySpec {
  const { predictor: stable } = isvc.spec;
  const { name = "" } = entry.predictor;
  const base: Record<string, Json> = { ...stable };
  for (const field of scalingFields) delete base[field];
  const replicas = canaryReplicas(stable.minReplicas, entry.trafficPercent, entry.predictor.minReplicas);
  const predictor = { ...(overlaid(base, entry.predictor) as PredictorSpec), minReplicas: replicas };
  const service = isvc.metadata.name ?? "";
  return {
    name,
    percent: entry.trafficPercent,
    predictor,
    names: { predictor: `${service}-${name}-predictor`, transformer: `${service}-${name}-transformer` },
  };
}

/** The entries of `spec.canary`, in their order. */
export const declaredCanaries = (input: VariantInput, isReady: (component: Component) => boolean): Canary[] =>
  (input.isvc.spec.canary ?? []).map((entry) => buildCanary(input, entrySpec(input.isvc, entry), isReady));

/** Replicas that ready canaries take over from the stable predictor (KServe; floor 1). */
export function reducedMinimum(minimum: number | undefined, canaries: readonly Canary[]): number | undefined {
  if (minimum === undefined) return undefined;
  const taken = canaries
    .filter(({ isReady }) => isReady)
    .reduce((sum, { components }) => sum + (components[0]?.spec.minReplicas ?? 1), 0);
  return taken === 0 ? minimum : Math.max(1, minimum - taken);
}
