// SPDX-License-Identifier: Apache-2.0
// The status of an InferenceService: KServe's fields, and ours under `serval` (decision 6: nothing of ours becomes a
// condition on a healthy object).

import {
  boolean,
  int32,
  int64,
  integer,
  list,
  map,
  object,
  oneOf,
  optional,
  text,
  textMap,
} from "@serval/api/schema/makers.ts";
import type { Static } from "typebox";
import { addressable, condition, trafficTarget } from "../../component-schema.ts";
import { servalStatus } from "../../serval-status.ts";

const modelStates = ["", "Pending", "Standby", "Loading", "Loaded", "FailedToLoad"] as const;

export const modelStatus = object({
  transitionStatus: oneOf(["", "UpToDate", "InProgress", "BlockedByFailedLoad", "InvalidSpec"], {
    default: "UpToDate",
  }),
  states: optional(
    object({
      activeModelState: oneOf(modelStates, { default: "Pending" }),
      targetModelState: optional(oneOf(modelStates, { default: "" })),
    }),
  ),
  lastFailureInfo: optional(
    object({
      location: optional(text()),
      reason: optional(
        oneOf([
          "ModelLoadFailed",
          "RuntimeUnhealthy",
          "RuntimeDisabled",
          "NoSupportingRuntime",
          "RuntimeNotRecognized",
          "InvalidPredictorSpec",
        ]),
      ),
      message: optional(text()),
      modelRevisionName: optional(text()),
      time: optional(text({ format: "date-time" })),
      exitCode: optional(int32()),
    }),
  ),
  copies: optional(object({ failedCopies: integer({ default: 0 }), totalCopies: optional(integer()) })),
});
export type ModelStatus = Static<typeof modelStatus>;

const componentStatus = object({
  latestReadyRevision: optional(text()),
  latestCreatedRevision: optional(text()),
  previousRolledoutRevision: optional(text()),
  latestRolledoutRevision: optional(text()),
  traffic: optional(list(trafficTarget)),
  url: optional(text()),
  restUrl: optional(text()),
  grpcUrl: optional(text()),
  address: optional(addressable),
});

export const inferenceServiceStatus = object(
  {
    observedGeneration: optional(int64()),
    conditions: optional(list(condition)),
    annotations: optional(textMap()),
    url: optional(text()),
    address: optional(addressable),
    components: optional(map(componentStatus)),
    modelStatus: optional(modelStatus),
    canaryStatuses: optional(
      list(object({ name: text(), ready: boolean(), trafficPercent: int32(), modelStatus: optional(modelStatus) }), {
        "x-kubernetes-list-type": "atomic",
      }),
    ),
    deploymentMode: optional(text()),
    servingRuntimeName: optional(text()),
    clusterServingRuntimeName: optional(text()),
    serval: optional(servalStatus),
  },
  { "x-kubernetes-preserve-unknown-fields": true },
);
export type InferenceServiceStatus = Static<typeof inferenceServiceStatus>;
