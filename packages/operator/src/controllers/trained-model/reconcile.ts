// SPDX-License-Identifier: Apache-2.0
// The whole life of one TrainedModel: it belongs to a multi-model service, gets memory there, is listed for its puller.
import {
  defaultInferenceService,
  type InferenceService,
  inferenceServices,
  type Key,
  keyOf,
  labels,
  type TrainedModel,
  trainedModels,
} from "@serval/api";
import type { Informer, ReconcileResult } from "@serval/kube";
import type { ConfigMapWriter } from "../../children/config-maps.ts";
import { noFacts } from "../../pod/facts.ts";
import { modelConfigMap } from "../../pod/multi-model.ts";
import type { ReconcileDeps } from "../inference-service/reconcile.ts";
import { buildVariant } from "../inference-service/variant.ts";
import { writeStatus } from "../write-status.ts";
import { isAllocated, servedModels } from "./served-models.ts";
import { fits, type Parent, trainedModelStatus } from "./status.ts";

export interface TrainedModelDeps extends Pick<ReconcileDeps, "cluster" | "events" | "now" | "caches" | "config"> {
  readonly models: Informer<TrainedModel>;
  readonly configMaps: ConfigMapWriter;
}

/** KServe's: it waits for the model's entry to go. Here the list is made anew whenever a model goes, operator or not. */
const trainedModelFinalizer = "trainedmodel.finalizer";

function parentOf({ caches, config }: TrainedModelDeps, stored: InferenceService): Parent | undefined {
  const isvc = defaultInferenceService(stored, config());
  const catalog = {
    namespaced: caches.runtimes.list(isvc.metadata.namespace),
    cluster: caches.clusterRuntimes.list(),
  };
  const built = buildVariant({ isvc, config: config(), catalog, facts: noFacts, roles: ["predictor"] });
  if ("failure" in built) return undefined;
  const [predictor] = built.variant.components;
  return {
    isvc: stored,
    isMultiModel: predictor?.isMultiModel === true,
    memoryLimit: predictor?.pod.containers[0]?.resources?.limits?.["memory"],
    protocol: built.variant.isvc.spec.predictor.model?.protocolVersion ?? "v1",
  };
}

/** KServe's bookkeeping: whose it is, and whether it was given memory. */
async function claim(deps: TrainedModelDeps, model: TrainedModel, hasMemory: boolean): Promise<TrainedModel> {
  const { inferenceService } = model.spec;
  const { labels: given = {}, finalizers = [], resourceVersion } = model.metadata;
  const wanted = {
    ...given,
    [labels.trainedModelParent]: inferenceService,
    ...(hasMemory ? { [labels.trainedModelAllocated]: inferenceService } : {}),
  };
  const isSame = Object.entries(wanted).every(([name, value]) => given[name] === value);
  // KServe sets its finalizer again when it takes the model back.
  const isHeld = finalizers.includes(trainedModelFinalizer);
  if (isSame && !isHeld) return model;
  const kept = finalizers.filter((name) => name !== trainedModelFinalizer);
  const metadata = {
    resourceVersion,
    labels: wanted,
    ...(isHeld ? { finalizers: kept.length === 0 ? null : kept } : {}),
  };
  const stored = await deps.cluster.patch(trainedModels, keyOf(model), { type: "merge", body: { metadata } });
  deps.models.observe(stored);
  return stored;
}

/** The answer is not observed: with its last finalizer the object is gone. */
async function release({ cluster }: TrainedModelDeps, model: TrainedModel): Promise<void> {
  const { finalizers = [], resourceVersion } = model.metadata;
  if (!finalizers.includes(trainedModelFinalizer)) return;
  const metadata = { resourceVersion, finalizers: finalizers.filter((name) => name !== trainedModelFinalizer) };
  await cluster.patch(trainedModels, keyOf(model), { type: "merge", body: { metadata } });
}

/** A service that the cache does not have may only be newer than the cache. */
const isGone = async ({ cluster }: TrainedModelDeps, key: Key): Promise<boolean> =>
  (await cluster.get(inferenceServices, key)) === undefined;

/** @throws to be retried with backoff. */
export async function reconcileTrainedModel(deps: TrainedModelDeps, key: Key): Promise<ReconcileResult> {
  const { caches, models, configMaps, cluster, now } = deps;
  const model = models.get(key);
  if (model === undefined) return undefined;
  const parentKey = { namespace: key.namespace, name: model.spec.inferenceService };
  const stored = caches.services.get(parentKey);
  const isEnding = model.metadata.deletionTimestamp !== undefined;
  if (stored === undefined || stored.metadata.deletionTimestamp !== undefined) {
    // KServe: a model without its service goes. Its finalizer goes first where it is going already (weak spot 10).
    if (isEnding) await release(deps, model);
    else if (stored !== undefined || (await isGone(deps, parentKey))) await cluster.delete(trainedModels, key);
    return undefined;
  }
  const parent = parentOf(deps, stored);
  if (parent === undefined) return undefined;
  const siblings = models.list(key.namespace);
  if (isEnding) {
    if (parent.isMultiModel) await configMaps.ensure(modelConfigMap(stored, servedModels(siblings, parentKey.name)));
    await release(deps, model);
    return undefined;
  }
  const allocated = siblings.filter(
    (sibling) => sibling.spec.inferenceService === parentKey.name && isAllocated(sibling),
  );
  const hasMemory = parent.isMultiModel && (isAllocated(model) || fits(model, allocated, parent));
  const claimed = await claim(deps, model, hasMemory);
  const status = trainedModelStatus({ model: claimed, parent, hasMemory, now: now() });
  // The puller learns of the model before its status says that it is served.
  const others = siblings.filter(({ metadata }) => metadata.name !== key.name);
  const served = servedModels([...others, { ...claimed, status }], parentKey.name);
  if (parent.isMultiModel) await configMaps.ensure(modelConfigMap(stored, served));
  await writeStatus({ cluster, informer: models }, claimed, status);
  return undefined;
}
