// SPDX-License-Identifier: Apache-2.0
// Defaulting and validation as admission plugins: the embedded API server calls them in process, a webhook server wraps
// them on a cluster. A new kind: its file beside this one, and one line here.
import type { AdmissionPlugin } from "@serval/kube";
import { graphAndModelPlugins } from "./graphs-and-models.ts";
import { inferenceServicePlugins } from "./inference-service.ts";
import { llmPlugins } from "./llm.ts";
import { localModelPlugins } from "./local-models.ts";
import type { AdmissionDeps } from "./plugin.ts";
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
