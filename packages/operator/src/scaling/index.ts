// SPDX-License-Identifier: Apache-2.0
// How replicas follow load, by the autoscaler class of the service. A new autoscaler: its folder and one line here.
import { annotations, type KubeObject } from "@serval/api";
import type { Component } from "../controllers/inference-service/component.ts";
import type { Resolved } from "../controllers/inference-service/resolve.ts";
import { horizontalPodAutoscaler } from "./hpa/hpa.ts";
import { scaledObject } from "./keda/scaled-object.ts";
import { openTelemetryCollectors } from "./otel/collector.ts";

type Scaler = (component: Component, resolved: Resolved) => KubeObject[];

const hpa: Scaler = (component, resolved) => [horizontalPodAutoscaler(component, resolved)];
const keda: Scaler = (component, resolved) => [
  ...openTelemetryCollectors(component, resolved),
  scaledObject(component, resolved),
];
const nothing: Scaler = () => [];

/** `knative` is the seed's word for "the mode's own autoscaler", which in Standard mode is the HPA. */
const scalers: Readonly<Record<string, Scaler>> = { hpa, knative: hpa, keda, external: nothing, none: nothing };

export const scalersOf: Scaler = (component, resolved) =>
  (scalers[resolved.isvc.metadata.annotations?.[annotations.autoscalerClass] ?? "hpa"] ?? hpa)(component, resolved);
