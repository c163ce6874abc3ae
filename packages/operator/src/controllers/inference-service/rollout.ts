// SPDX-License-Identifier: Apache-2.0
// `canaryTrafficPercent` in Standard mode: a changed predictor first gets a share of the traffic beside the last good
// one, then all of it. There are two slots for the predictor's workload, `<name>` and `<name>-2`; the Service `<name>`
// selects the stable one, `<name>-canary` the other, and a promotion moves the selector, so that no model is loaded twice
// (decision 15). Pure.
import {
  appLabel,
  type Deployment,
  type InferenceService,
  type Key,
  labels,
  namespaceOf,
  type PredictorSpec,
  type Service,
} from "@serval/api";
import { standingOf } from "../../adoption/mark.ts";
import { type ChildKind, fieldManager } from "../../children/children.ts";
import { matches } from "../../children/drift.ts";
import { componentDeployment } from "../../modes/standard/deployment.ts";
import { routeFlavour } from "./build.ts";
import { buildCanary, type Canary, canaryReplicas } from "./canary.ts";
import type { Component } from "./component.ts";
import type { Resolved } from "./resolve.ts";
import type { VariantInput } from "./variant.ts";

/** What is there now. */
export interface RolloutLive {
  /** Whether the cluster has this kind of child. */
  readonly serves: (kind: ChildKind) => boolean;
  readonly deployment: (key: Key) => Deployment | undefined;
  readonly service: (key: Key) => Service | undefined;
}

const all = 100;

/** Either spelling; undefined: the newest spec gets everything. */
export const canaryPercentOf = ({ spec }: InferenceService): number | undefined =>
  spec.predictor.canaryTrafficPercent ?? spec.canaryTrafficPercent;

const secondSlot = (name: string): string => `${name}-2`;

/** The slot that the Service selects; the first one while there is none. */
export function stableSlot(name: string, service: Service | undefined): string {
  const selected = service?.spec?.selector?.[labels.app];
  return selected === appLabel(secondSlot(name)) ? secondSlot(name) : name;
}

const inSlot = (component: Component, workload: string): Component => ({
  ...component,
  workload,
  labels: { ...component.labels, [labels.app]: appLabel(workload) },
});

const isAvailable = (deployment: Deployment | undefined, wanted = 1): boolean =>
  (deployment?.status?.availableReplicas ?? 0) >= wanted &&
  deployment?.status?.observedGeneration === deployment?.metadata?.generation;

/** Whether the workload in the cluster already runs what the spec says, however many replicas. */
function runs(deployment: Deployment, wanted: Deployment): boolean {
  const { replicas, ...spec } = wanted.spec ?? {};
  const scaled = replicas === undefined ? spec : { ...spec, replicas: deployment.spec?.replicas ?? 1 };
  return matches({ ...wanted, spec: scaled } as Deployment, deployment, fieldManager);
}

/** KServe made it, and it stays as it is; one that was not looked at yet is no measure for a new spec. */
const isKept = (deployment: Deployment, wanted: Deployment): boolean =>
  ["kept", "undecided"].includes(standingOf(deployment, wanted));

/** The predictor in its stable slot; whatever the percentage, the cluster says where it is. */
function settled(resolved: Resolved, live: RolloutLive): Resolved {
  const namespace = namespaceOf(resolved.isvc);
  const components = resolved.components.map((component) => {
    if (component.role !== "predictor") return component;
    const slot = stableSlot(component.name, live.service({ namespace, name: component.name }));
    return slot === component.workload ? component : inSlot(component, slot);
  });
  return { ...resolved, components };
}

interface Situation {
  readonly resolved: Resolved;
  readonly input: VariantInput;
  readonly stable: Component;
  readonly stableLive: Deployment;
  readonly slot: string;
  readonly canaryLive: Deployment | undefined;
  readonly live: RolloutLive;
}

/** The new spec as a canary in the free slot. `replicas` is its minimum; the bounds of the spec hold only in a promotion. */
function canaryIn(situation: Situation, percent: number, predictor: PredictorSpec): Canary {
  const { resolved, input, stable, slot, live } = situation;
  const namespace = namespaceOf(resolved.isvc);
  const service = resolved.isvc.metadata.name ?? "";
  const names = { predictor: `${stable.name}-canary`, transformer: `${service}-transformer-canary` };
  const placed = (component: Component): Component =>
    component.role === "predictor" ? inSlot(component, slot) : component;
  const isReady = (component: Component): boolean =>
    isAvailable(live.deployment({ namespace, name: placed(component).workload }));
  const canary = buildCanary(input, { name: slot, percent, predictor, names }, isReady);
  return { ...canary, components: canary.components.map(placed) };
}

/** The stable workload stays as it is; its Service too, since the new spec's ports may be others. */
function withCanary({ resolved, stable, live }: Situation, canary: Canary): Resolved {
  const service = live.service({ namespace: namespaceOf(resolved.isvc), name: stable.name });
  const frozen = service === undefined ? (["Deployment"] as const) : (["Deployment", "Service"] as const);
  const components = resolved.components.map((component) =>
    component === stable ? { ...component, frozen } : component,
  );
  return { ...resolved, components, canaries: [canary] };
}

/** A share for the canary: its replicas are fixed, as those of `spec.canary`. */
function sharing(situation: Situation, percent: number): Resolved {
  const { predictor } = situation.resolved.isvc.spec;
  const { maxReplicas: _max, autoScaling: _scaling, scaleTarget: _target, scaleMetric: _metric, ...rest } = predictor;
  const minReplicas = Math.max(1, canaryReplicas(predictor.minReplicas, percent));
  return withCanary(situation, canaryIn(situation, percent, { ...rest, minReplicas }));
}

/** Everything for the canary: first it grows to what serves the load now, then the Service moves to it. */
function promoting(situation: Situation): Resolved {
  const { resolved, stable, stableLive, slot, canaryLive } = situation;
  const { predictor } = resolved.isvc.spec;
  const needed = Math.max(predictor.minReplicas ?? 1, stableLive.status?.availableReplicas ?? 0, 1);
  const wanted = componentDeployment(inSlot(stable, slot), resolved);
  const isGrown = canaryLive !== undefined && runs(canaryLive, wanted) && isAvailable(canaryLive, needed);
  if (!isGrown) return withCanary(situation, canaryIn(situation, 0, { ...predictor, minReplicas: needed }));
  const components = resolved.components.map((component) =>
    component === stable ? inSlot(component, slot) : component,
  );
  return { ...resolved, components };
}

/**
 * @param wasReady the service served before: without a last good predictor there is nothing to keep.
 * @throws ServalError when the predictor cannot become a pod.
 */
export function withRollout(resolved: Resolved, input: VariantInput, live: RolloutLive): Resolved {
  const placed = settled(resolved, live);
  const stable = placed.components.find(({ role }) => role === "predictor");
  if (stable === undefined || resolved.isStopped || routeFlavour(resolved) !== "HTTPRoute") return placed;
  if ((resolved.isvc.spec.canary ?? []).length > 0 || stable.multiNode !== undefined) return placed;
  const namespace = namespaceOf(resolved.isvc);
  const stableLive = live.deployment({ namespace, name: stable.workload });
  const slot = stable.workload === stable.name ? secondSlot(stable.name) : stable.name;
  const canaryLive = live.deployment({ namespace, name: slot });
  const percent = canaryPercentOf(resolved.isvc) ?? all;
  if (stableLive === undefined || (percent >= all && canaryLive === undefined)) return placed;
  const wanted = componentDeployment(stable, placed);
  if (runs(stableLive, wanted) || isKept(stableLive, wanted)) return placed;
  const situation = { resolved: placed, input, stable, stableLive, slot, canaryLive, live };
  if (percent >= all) return promoting(situation);
  const wasReady = resolved.isvc.status?.components?.["predictor"]?.url !== undefined;
  return wasReady ? sharing(situation, percent) : placed;
}
