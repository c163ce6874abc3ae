// SPDX-License-Identifier: Apache-2.0
// Which TrainedModels a multi-model service serves. Pure.
import { labels, type TrainedModel } from "@serval/api";

/** Memory of its service was set aside for it. */
export const isAllocated = ({ metadata, spec }: TrainedModel): boolean =>
  metadata.labels?.[labels.trainedModelAllocated] === spec.inferenceService;

/**
 * Models that the puller of this service is told to load, by name: those that were ready once (KServe lists a model when
 * its service first is), so that a service that is briefly not ready does not unload them.
 */
export const servedModels = (models: readonly TrainedModel[], service: string): TrainedModel[] =>
  models
    .filter(({ spec, metadata }) => spec.inferenceService === service && metadata.deletionTimestamp === undefined)
    .filter((model) => isAllocated(model) && model.status?.url !== undefined)
    .toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
