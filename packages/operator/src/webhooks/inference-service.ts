// SPDX-License-Identifier: Apache-2.0
// InferenceServices.
import {
  defaultInferenceService,
  inferenceServiceFindings,
  inferenceServices,
  inferenceServiceWarnings,
} from "@serval/api";
import type { AdmissionPlugin } from "@serval/kube";
import { localModelsFor } from "./local-models.ts";
import { type AdmissionDeps, mutation, validation } from "./plugin.ts";

export const inferenceServicePlugins = (deps: AdmissionDeps): AdmissionPlugin[] => [
  // KServe's controller adds a finalizer besides. What it waits for is level-based here: a service goes at once, whether
  // or not an operator runs.
  mutation("inferenceservice.kserve-webhook-server.defaulter", inferenceServices, async ({ next, request }) =>
    defaultInferenceService(next, deps.config(), await localModelsFor(deps, request.namespace)),
  ),
  validation("inferenceservice.kserve-webhook-server.validator", inferenceServices, ({ next, previous }) => ({
    findings: inferenceServiceFindings(next, previous),
    warnings: inferenceServiceWarnings(next, deps.config()),
  })),
];
