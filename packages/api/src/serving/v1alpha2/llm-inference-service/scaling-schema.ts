// SPDX-License-Identifier: Apache-2.0
// How an LLM workload scales: by the Workload Variant Autoscaler or by KEDA alone.
// Source: KServe pkg/apis/serving/v1alpha2/llm_inference_service_types.go; KEDA's part is keda.sh/v1alpha1's.
import type { HorizontalPodAutoscalerBehavior } from "@serval/api/core/index.ts";
import {
  boolean,
  core,
  int32,
  list,
  type ObjectRule,
  object,
  oneOf,
  optional,
  text,
  textMap,
  withRules,
} from "@serval/api/schema/makers.ts";
import type { Static } from "typebox";

const behavior = optional(
  core<HorizontalPodAutoscalerBehavior>("io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerBehavior"),
);

const kedaProperties = {
  pollingInterval: optional(int32({ minimum: 1, description: "Seconds between two looks at the triggers" })),
  cooldownPeriod: optional(int32({ minimum: 0, description: "Seconds after the last active trigger" })),
  initialCooldownPeriod: optional(int32({ minimum: 0, description: "Seconds after creation" })),
  idleReplicaCount: optional(int32({ minimum: 0, description: "Replicas while no trigger is active" })),
  fallback: optional(
    object({
      failureThreshold: int32(),
      replicas: int32(),
      behavior: optional(
        oneOf(["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"], {
          default: "static",
        }),
      ),
    }),
  ),
  advanced: optional(
    object({
      horizontalPodAutoscalerConfig: optional(object({ behavior, name: optional(text()) })),
      restoreToOriginalReplicaCount: optional(boolean()),
      scalingModifiers: optional(
        object({
          formula: optional(text()),
          target: optional(text()),
          activationTarget: optional(text()),
          metricType: optional(oneOf(["AverageValue", "Value"])),
        }),
      ),
    }),
  ),
};
const kedaObject = object(kedaProperties);
type Keda = Static<typeof kedaObject>;

/** KServe reads the name without asking whether it is there, so that its rule refuses every other setting beside it. */
const hpaNameIsOurs: ObjectRule = {
  message: "horizontalPodAutoscalerConfig.name must not be set; the controller manages the HPA name",
  cel: "!has(self.advanced) || !has(self.advanced.horizontalPodAutoscalerConfig) || !has(self.advanced.horizontalPodAutoscalerConfig.name) || size(self.advanced.horizontalPodAutoscalerConfig.name) == 0",
  holds: ({ advanced }: Keda) => (advanced?.horizontalPodAutoscalerConfig?.name ?? "") === "",
};

const keda = withRules(kedaObject, [hpaNameIsOurs]);

const trigger = object({
  type: text({ description: "KEDA's name of the scaler" }),
  metadata: textMap(),
  name: optional(text()),
  metricType: optional(text()),
  useCachedMetrics: optional(boolean()),
  authenticationRef: optional(object({ name: text(), kind: optional(text()) })),
});

const directKeda = withRules(
  object({ ...kedaProperties, triggers: list(trigger, { minItems: 1, "x-kubernetes-list-type": "atomic" }) }),
  [hpaNameIsOurs],
);

const wvaProperties = {
  variantCost: optional(
    text({ default: "10.0", pattern: "^\\d+(\\.\\d+)?$", description: "Relative price of one replica" }),
  ),
  hpa: optional(object({ behavior })),
  keda: optional(keda),
};
const wvaObject = object(wvaProperties);
type Wva = Static<typeof wvaObject>;

const modifiers = "self.keda.advanced.scalingModifiers";
const modifierFields = ["formula", "target", "activationTarget", "metricType"];
const emptyModifier = (field: string): string => `(!has(${modifiers}.${field}) || size(${modifiers}.${field}) == 0)`;

const wva = withRules(wvaObject, [
  {
    message: "scalingModifiers must not be set; WVA controls the scaling metric formula and logic",
    cel: `!has(self.keda) || !has(self.keda.advanced) || !has(${modifiers}) || (${modifierFields.map(emptyModifier).join(" && ")})`,
    holds: ({ keda: own }: Wva) =>
      Object.values(own?.advanced?.scalingModifiers ?? {}).every((value) => value === undefined || value === ""),
  },
  {
    message: "hpa and keda are mutually exclusive; choose one actuator backend",
    cel: "!(has(self.hpa) && has(self.keda))",
    holds: ({ hpa, keda: own }: Wva) => hpa === undefined || own === undefined,
  },
  {
    message: "either hpa or keda must be specified as the actuator backend",
    cel: "has(self.hpa) || has(self.keda)",
    holds: ({ hpa, keda: own }: Wva) => hpa !== undefined || own !== undefined,
  },
]);

const scalingObject = object({
  minReplicas: optional(int32({ default: 1, minimum: 1 })),
  maxReplicas: int32({ minimum: 1 }),
  wva: optional(wva),
  keda: optional(directKeda),
});
export type LlmScaling = Static<typeof scalingObject>;

const idleFloor = (path: string, idleOf: (scaling: LlmScaling) => number | undefined): ObjectRule[] => {
  const parents = path.split(".").map((_, index, all) => all.slice(0, index + 1).join("."));
  const absent = [...parents, `${path}.idleReplicaCount`].map((at) => `!has(self.${at})`).join(" || ");
  return [
    {
      message: "minReplicas is required when idleReplicaCount is set",
      cel: `${absent} || has(self.minReplicas)`,
      holds: (scaling: LlmScaling) => idleOf(scaling) === undefined || scaling.minReplicas !== undefined,
    },
    {
      message:
        "idleReplicaCount must be less than minReplicas; idleReplicaCount defines the replica floor when no triggers are active",
      cel: `${absent} || !has(self.minReplicas) || self.${path}.idleReplicaCount < self.minReplicas`,
      holds: (scaling: LlmScaling) => (idleOf(scaling) ?? -1) < (scaling.minReplicas ?? Number.POSITIVE_INFINITY),
    },
  ];
};

/** In KServe's order. */
const scalingRules: readonly ObjectRule[] = [
  {
    message: "either wva or keda must be specified when scaling is configured",
    cel: "has(self.wva) || has(self.keda)",
    holds: (self: LlmScaling) => self.wva !== undefined || self.keda !== undefined,
  },
  {
    message: "wva and keda are mutually exclusive",
    cel: "!(has(self.wva) && has(self.keda))",
    holds: (self: LlmScaling) => self.wva === undefined || self.keda === undefined,
  },
  {
    message: "at least one trigger is required when using direct KEDA scaling",
    cel: "!has(self.keda) || size(self.keda.triggers) > 0",
    holds: (self: LlmScaling) => self.keda === undefined || self.keda.triggers.length > 0,
  },
  {
    message: "minReplicas cannot exceed maxReplicas",
    cel: "!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",
    holds: (self: LlmScaling) => (self.minReplicas ?? 0) <= self.maxReplicas,
  },
  ...idleFloor("wva.keda", ({ wva: own }) => own?.keda?.idleReplicaCount),
  ...idleFloor("keda", ({ keda: own }) => own?.idleReplicaCount),
];

export const llmScaling = withRules(scalingObject, scalingRules);
