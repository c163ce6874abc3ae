// SPDX-License-Identifier: Apache-2.0
// How tools that are not ours judge an InferenceService: Argo CD's bundled check in the four forms that are in use, and
// kstatus, which Flux goes by. The rules are written here from what those projects document; pure.
import type { InferenceService } from "@serval/api";

export type Verdict = "Healthy" | "Progressing" | "Degraded" | "Suspended";

interface Condition {
  readonly type: string;
  readonly status: string;
}

const conditionsOf = ({ status }: InferenceService): readonly Condition[] => status?.conditions ?? [];
const isTrue = ({ status }: Condition): boolean => status === "True";

/** Healthy when so many of the named conditions are True and none of them is anything else. */
function exactly(count: number, names: readonly string[]) {
  return (isvc: InferenceService): Verdict => {
    const named = conditionsOf(isvc).filter(({ type }) => names.includes(type));
    if (named.some(({ status }) => status === "False")) return "Degraded";
    return named.every(isTrue) && named.length === count ? "Healthy" : "Progressing";
  };
}

/** Healthy when every condition is True; `ignored` may say what they like. */
const all =
  (ignored: readonly string[]) =>
  (isvc: InferenceService): Verdict => {
    const counted = conditionsOf(isvc).filter(({ type }) => !ignored.includes(type));
    if (ignored.length > 0 && conditionsOf(isvc).some((one) => one.type === "Stopped" && isTrue(one)))
      return "Suspended";
    if (counted.some(({ status }) => status === "False")) return "Degraded";
    return counted.length > 0 && counted.every(isTrue) ? "Healthy" : "Progressing";
  };

const oldest = ["IngressReady", "PredictorConfigurationReady", "PredictorReady", "PredictorRouteReady"];
const raw = ["IngressReady", "PredictorReady", "Ready"];
const knative = [...raw, "PredictorConfigurationReady", "PredictorRouteReady"];

export interface Generation {
  readonly since: string;
  readonly judge: (isvc: InferenceService) => Verdict;
  /** What it says of a service that KServe v0.20 itself calls ready: the older ones never knew Standard mode. */
  readonly ofHealthy: Verdict;
}

export const argoGenerations: readonly Generation[] = [
  { since: "2023", judge: exactly(3, oldest), ofHealthy: "Progressing" },
  {
    since: "2024, argo-cd#18340",
    judge: (isvc) => {
      const mode = isvc.metadata.annotations?.["serving.kserve.io/deploymentMode"];
      return (mode === "RawDeployment" ? exactly(3, raw) : exactly(5, knative))(isvc);
    },
    ofHealthy: "Progressing",
  },
  { since: "argo-cd#20142", judge: all([]), ofHealthy: "Degraded" },
  { since: "argo-cd#25312", judge: all(["Stopped"]), ofHealthy: "Healthy" },
];

export const verdictsOf = (isvc: InferenceService): Verdict[] => argoGenerations.map(({ judge }) => judge(isvc));

/** @see kstatus' rules for custom resources: an old observedGeneration, Reconciling, Stalled, then Ready. */
export function kstatusOf(isvc: InferenceService): "Current" | "InProgress" | "Failed" | "Terminating" {
  const says = (type: string, wanted: string): boolean =>
    conditionsOf(isvc).some((one) => one.type === type && one.status === wanted);
  if (isvc.metadata.deletionTimestamp !== undefined) return "Terminating";
  const observed = isvc.status?.observedGeneration;
  if (observed !== undefined && observed !== isvc.metadata.generation) return "InProgress";
  if (says("Reconciling", "True")) return "InProgress";
  if (says("Stalled", "True")) return "Failed";
  return says("Ready", "False") || says("Ready", "Unknown") ? "InProgress" : "Current";
}
