// SPDX-License-Identifier: Apache-2.0
// InferenceServices.
import {
  defaultInferenceService,
  type InferenceService,
  inferenceServiceFindings,
  inferenceServices,
  inferenceServiceWarnings,
  servingFinalizer,
} from "@serval/api";
import type { AdmissionPlugin } from "@serval/kube";
import { localModelsFor } from "./local-models.ts";
import { type AdmissionDeps, mutation, validation } from "./plugin.ts";

/** KServe's controller adds it with a call of its own; here it costs none. */
function withFinalizer(isvc: InferenceService): InferenceService {
  const finalizers = isvc.metadata.finalizers ?? [];
  if (finalizers.includes(servingFinalizer)) return isvc;
  return { ...isvc, metadata: { ...isvc.metadata, finalizers: [...finalizers, servingFinalizer] } };
}

export const inferenceServicePlugins = (deps: AdmissionDeps): AdmissionPlugin[] => [
  mutation("inferenceservice.kserve-webhook-server.defaulter", inferenceServices, async ({ next, request }) => {
    const config = deps.config();
    const isvc = defaultInferenceService(next, config, await localModelsFor(deps, request.namespace));
    return request.operation === "CREATE" ? withFinalizer(isvc) : isvc;
  }),
  validation("inferenceservice.kserve-webhook-server.validator", inferenceServices, ({ next, previous }) => ({
    findings: inferenceServiceFindings(next, previous),
    warnings: inferenceServiceWarnings(next, deps.config()),
  })),
];
