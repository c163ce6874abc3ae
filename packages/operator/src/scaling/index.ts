// SPDX-License-Identifier: Apache-2.0
// How replicas follow load, by the autoscaler class of the owner. A new autoscaler: its folder and one line here.
import { annotations, type KubeObject } from "@serval/api";
import { horizontalPodAutoscaler } from "./hpa/hpa.ts";
import { scaledObject } from "./keda/scaled-object.ts";
import { openTelemetryCollectors } from "./otel/collector.ts";
import type { Scaler } from "./scaled.ts";

const hpa: Scaler = (workload, context) => [horizontalPodAutoscaler(workload, context)];
const keda: Scaler = (workload, context) => [
  ...openTelemetryCollectors(workload, context),
  scaledObject(workload, context),
];
const nothing: Scaler = () => [];

/** `knative` is the seed's word for "the mode's own autoscaler", which in Standard mode is the HPA. */
const scalers: Readonly<Record<string, Scaler>> = { hpa, knative: hpa, keda, external: nothing, none: nothing };

/** @throws ServalError when the class needs something that the cluster does not have. */
export const scalersOf: Scaler = (workload, context): KubeObject[] =>
  (scalers[context.owner.metadata.annotations?.[annotations.autoscalerClass] ?? "hpa"] ?? hpa)(workload, context);
