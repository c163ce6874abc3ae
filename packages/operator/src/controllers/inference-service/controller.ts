// SPDX-License-Identifier: Apache-2.0
// Which events concern which InferenceService. Everything that is watched is here.
import {
  type InferenceService,
  inferenceServices,
  type Key,
  type KubeObject,
  keyOf,
  type ServingRuntime,
  type TrainedModel,
} from "@serval/api";
import { type Change, type Controller, type ControllerOptions, runController, type Watch, watchOf } from "@serval/kube";
import { controllerOf } from "../../children/children.ts";
import type { ConfigSource } from "../../config-source.ts";
import { serviceKeyOfPod } from "./observe.ts";
import { type ReconcileDeps, reconcileInferenceService } from "./reconcile.ts";

export const controllerName = "inferenceservice";

const ownerKey = ({ object }: Change<KubeObject>): Key[] => {
  const owner = controllerOf(object);
  return owner?.kind === inferenceServices.kind ? [{ namespace: object.metadata.namespace, name: owner.name }] : [];
};

/** Services that a runtime serves, and those that still look for one. */
function concernedBy(services: readonly InferenceService[], runtime: ServingRuntime): Key[] {
  const { name } = runtime.metadata;
  return services
    .filter(({ status }) => {
      const current = status?.servingRuntimeName ?? status?.clusterServingRuntimeName;
      return current === undefined || current === name || status?.modelStatus?.transitionStatus === "InvalidSpec";
    })
    .map(keyOf);
}

export type ControllerHooks = Pick<ControllerOptions, "onError" | "onReconciled" | "workers">;

export interface InferenceServiceControllerOptions extends ControllerHooks {
  readonly deps: ReconcileDeps;
  readonly config: ConfigSource;
  readonly signal: AbortSignal;
}

export function runInferenceServiceController(options: InferenceServiceControllerOptions): Controller {
  const { deps, config, signal, ...hooks } = options;
  const { caches, children, facts } = deps;
  const forRuntime = ({ object }: Change<ServingRuntime>): Key[] =>
    concernedBy(caches.services.list(object.metadata.namespace), object);
  const forCaBundle = ({ object }: Change<KubeObject>): Key[] =>
    object.metadata.name === deps.config().storageInitializer.caBundleConfigMapName
      ? caches.services.list().map(keyOf)
      : [];
  /** The list of what it serves is made anew: the model may have been its last. */
  const ofModel = ({ type, object }: Change<TrainedModel>): Key[] =>
    type === "deleted" ? [{ namespace: object.metadata.namespace, name: object.spec.inferenceService }] : [];
  const watches: Watch[] = [
    // The configuration is read by every reconcile: nothing starts before it is there.
    watchOf(config.informer, () => []),
    watchOf(caches.services),
    watchOf(caches.runtimes, forRuntime),
    watchOf(caches.clusterRuntimes, forRuntime),
    watchOf(deps.models, ofModel),
    watchOf(caches.pods, ({ object }) => serviceKeyOfPod(object)),
    ...deps.caBundle.informers.map((informer) => watchOf(informer, forCaBundle)),
    ...children.informers.map((informer) => watchOf(informer, ownerKey)),
    ...facts.informers.map((informer) =>
      watchOf(informer, (change: Change<KubeObject>) =>
        facts.concerned(change, caches.services.list(change.object.metadata.namespace)),
      ),
    ),
  ];
  const controller = runController({
    name: controllerName,
    watches,
    signal,
    reconcile: (key) => reconcileInferenceService(deps, key),
    ...hooks,
  });
  config.onChange(() => {
    for (const isvc of caches.services.list()) controller.enqueue(keyOf(isvc));
  });
  return controller;
}
