// SPDX-License-Identifier: Apache-2.0
// Which events concern which TrainedModel: its own, its service's, and those of models that share its memory.
import { type Key, keyOf, type TrainedModel } from "@serval/api";
import { type Change, type Controller, runController, type Watch, watchOf } from "@serval/kube";
import type { ConfigSource } from "../../config-source.ts";
import type { ControllerHooks } from "../inference-service/controller.ts";
import { reconcileTrainedModel, type TrainedModelDeps } from "./reconcile.ts";

export interface TrainedModelControllerOptions extends ControllerHooks {
  readonly deps: TrainedModelDeps;
  readonly config: ConfigSource;
  readonly signal: AbortSignal;
}

export function runTrainedModelController(options: TrainedModelControllerOptions): Controller {
  const { deps, config, signal, ...hooks } = options;
  const ofService = (namespace: string | undefined, service: string): TrainedModel[] =>
    deps.models.list(namespace).filter(({ spec }) => spec.inferenceService === service);
  /** A model that goes gives its memory to those that wait for it. */
  const siblings = ({ type, object }: Change<TrainedModel>): Key[] =>
    type === "deleted"
      ? ofService(object.metadata.namespace, object.spec.inferenceService).map(keyOf)
      : [keyOf(object)];
  const watches: Watch[] = [
    watchOf(config.informer, () => []),
    watchOf(deps.models, siblings),
    watchOf(deps.caches.services, ({ object }) =>
      ofService(object.metadata.namespace, object.metadata.name ?? "").map(keyOf),
    ),
    watchOf(deps.caches.runtimes, () => []),
    watchOf(deps.caches.clusterRuntimes, () => []),
  ];
  return runController({
    name: "trainedmodel",
    watches,
    signal,
    reconcile: (key) => reconcileTrainedModel(deps, key),
    // Two models of one service must not be given the same memory.
    ...hooks,
    workers: 1,
  });
}
