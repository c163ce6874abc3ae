// SPDX-License-Identifier: Apache-2.0
// Whether a TrainedModel can be served by its InferenceService, in KServe's words. Pure.
// Source: KServe pkg/controller/v1alpha1/trainedmodel/controller.go.
import {
  type InferenceService,
  predictPath,
  quantityValue,
  type TrainedModel,
  type TrainedModelStatus,
  type Verdict,
} from "@serval/api";
import { isReadyStatus } from "../inference-service/settling.ts";
import { plainConditions } from "../plain-condition.ts";

export interface Parent {
  readonly isvc: InferenceService;
  readonly isMultiModel: boolean;
  /** Of the predictor's container; undefined: there is no limit. */
  readonly memoryLimit: string | number | undefined;
  readonly protocol: string;
}

/**
 * Whether the model fits beside those that were given memory already. KServe reads only the limit that the service
 * itself sets and takes a missing one for none at all; here the runtime's counts too.
 */
export function fits(model: TrainedModel, allocated: readonly TrainedModel[], { memoryLimit }: Parent): boolean {
  if (memoryLimit === undefined) return true;
  const others = allocated.filter(({ metadata }) => metadata.name !== model.metadata.name);
  const used = [...others, model].reduce((sum, { spec }) => sum + quantityValue(spec.model.memory), 0);
  return used <= quantityValue(memoryLimit);
}

const yes: Verdict = { status: "True" };
const no = (reason: string, message: string): Verdict => ({ status: "False", reason, message });

function verdicts(parent: Parent, hasMemory: boolean): Record<string, Verdict> {
  const InferenceServiceReady = isReadyStatus(parent.isvc.status)
    ? yes
    : no("InferenceServiceNotReady", "Inference Service needs to be ready before Trained Model can be ready");
  const IsMMSPredictor = parent.isMultiModel
    ? yes
    : no("IsNotMMSPredictor", "Inference Service predictor is not configured for multi-model serving");
  const MemoryResourceAvailable = hasMemory
    ? yes
    : no("MemoryResourceNotAvailable", "Inference Service does not have enough memory resources for Trained Model");
  const Ready =
    [InferenceServiceReady, IsMMSPredictor, MemoryResourceAvailable].find(({ status }) => status === "False") ?? yes;
  return { InferenceServiceReady, IsMMSPredictor, MemoryResourceAvailable, Ready };
}

export interface TrainedModelInput {
  readonly model: TrainedModel;
  readonly parent: Parent;
  readonly hasMemory: boolean;
  readonly now: Date;
}

export function trainedModelStatus({ model, parent, hasMemory, now }: TrainedModelInput): TrainedModelStatus {
  const wanted = verdicts(parent, hasMemory);
  const path = predictPath(model.metadata.name ?? "", parent.protocol);
  const { url, address } = parent.isvc.status ?? {};
  const isReady = wanted["Ready"]?.status === "True";
  return {
    // URLs stay when the service is briefly not ready (KServe).
    ...(model.status?.url === undefined ? {} : { url: model.status.url }),
    ...(model.status?.address === undefined ? {} : { address: model.status.address }),
    conditions: plainConditions(wanted, { old: model.status?.conditions, now }),
    ...(isReady && url !== undefined ? { url: `${url}${path}` } : {}),
    ...(isReady && address?.url !== undefined ? { address: { url: `${address.url}${path}` } } : {}),
  };
}
