// SPDX-License-Identifier: Apache-2.0
// InferenceGraphs and TrainedModels.
import {
  inferenceGraphFindings,
  inferenceGraphs,
  inferenceGraphWarnings,
  trainedModelFindings,
  trainedModels,
} from "@serval/api";
import type { AdmissionPlugin } from "@serval/kube";
import { onlyNew, validation } from "./plugin.ts";

export const graphAndModelPlugins = (): AdmissionPlugin[] => [
  validation("inferencegraph.kserve-webhook-server.validator", inferenceGraphs, ({ next, previous }) => ({
    findings: inferenceGraphFindings(next, previous),
    warnings: inferenceGraphWarnings(next),
  })),
  validation("trainedmodel.kserve-webhook-server.validator", trainedModels, ({ next, previous }) => ({
    findings: onlyNew(
      trainedModelFindings(next, previous),
      previous === undefined ? [] : trainedModelFindings(previous),
    ),
  })),
];
