// SPDX-License-Identifier: Apache-2.0
// Which events concern which InferenceGraph. A graph is looked at again when a service that it names changes (KServe
// resolves URLs once and never learns of a change; weak spot 11).
import { type InferenceService, inferenceGraphs, type Key, type KubeObject, keyOf } from "@serval/api";
import { type Change, type Controller, runController, type Watch, watchOf } from "@serval/kube";
import { controllerOf } from "../../children/children.ts";
import type { ConfigSource } from "../../config-source.ts";
import type { ControllerHooks } from "../inference-service/controller.ts";
import { type GraphDeps, graphOfPod, reconcileInferenceGraph } from "./reconcile.ts";
import { servicesOf } from "./targets.ts";

const ownerKey = ({ object }: Change<KubeObject>): Key[] => {
  const owner = controllerOf(object);
  return owner?.kind === inferenceGraphs.kind ? [{ namespace: object.metadata.namespace, name: owner.name }] : [];
};

export interface InferenceGraphControllerOptions extends ControllerHooks {
  readonly deps: GraphDeps;
  readonly config: ConfigSource;
  readonly signal: AbortSignal;
}

export function runInferenceGraphController(options: InferenceGraphControllerOptions): Controller {
  const { deps, config, signal, ...hooks } = options;
  const concerned = ({ object }: Change<InferenceService>): Key[] =>
    deps.graphs
      .list(object.metadata.namespace)
      .filter(({ spec }) => servicesOf(spec).includes(object.metadata.name ?? ""))
      .map(keyOf);
  const watches: Watch[] = [
    watchOf(config.informer, () => []),
    watchOf(deps.graphs),
    watchOf(deps.pods, ({ object }) => {
      const name = graphOfPod(object);
      return name === undefined ? [] : [{ namespace: object.metadata.namespace, name }];
    }),
    watchOf(deps.caches.services, concerned),
    watchOf(deps.caches.runtimes, () => []),
    watchOf(deps.caches.clusterRuntimes, () => []),
    ...deps.children.informers.map((informer) => watchOf(informer, ownerKey)),
  ];
  const controller = runController({
    name: "inferencegraph",
    watches,
    signal,
    reconcile: (key) => reconcileInferenceGraph(deps, key),
    ...hooks,
  });
  config.onChange(() => {
    for (const graph of deps.graphs.list()) controller.enqueue(keyOf(graph));
  });
  return controller;
}
