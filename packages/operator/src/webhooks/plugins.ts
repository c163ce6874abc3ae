// SPDX-License-Identifier: Apache-2.0
// Defaulting and validation as admission plugins: the embedded API server calls them in process, a webhook server wraps
// them on a cluster. A new kind: its file beside this one, and one line here.
import type { AdmissionPlugin, Cluster } from "@serval/kube";
import { createAccessReview, referenceChecks } from "./access.ts";
import { graphAndModelPlugins } from "./graphs-and-models.ts";
import { inferenceServicePlugins } from "./inference-service.ts";
import { llmPlugins } from "./llm.ts";
import { localModelPlugins } from "./local-models.ts";
import type { AdmissionDeps } from "./plugin.ts";
import { type PodDeps, podPlugin } from "./pods.ts";
import { runtimePlugins } from "./runtimes.ts";

export type { AdmissionDeps } from "./plugin.ts";

/** In the order in which an API server asks them. */
export const admissionPlugins = (deps: AdmissionDeps): AdmissionPlugin[] => [
  ...inferenceServicePlugins(deps),
  ...runtimePlugins(deps),
  ...graphAndModelPlugins(),
  ...localModelPlugins(deps),
  ...llmPlugins(deps),
];

/** What a webhook server asks besides: only a cluster has several users, and pods that KServe made. */
export const webhookPlugins = (deps: AdmissionDeps & PodDeps, cluster: Cluster): AdmissionPlugin[] => [
  ...admissionPlugins(deps),
  referenceChecks(deps, createAccessReview(cluster)),
  podPlugin(deps),
];
