// SPDX-License-Identifier: Apache-2.0
// The whole pod, as a chain of pure stages shared by every mode and both homes. A pod feature is one file here and one
// entry in the list below.
import { acceleratorSelector } from "./accelerator.ts";
import { agentSidecar } from "./agent.ts";
import type { PodContext, PodStage, PodTemplate } from "./context.ts";
import { serviceName } from "./environment.ts";
import { metricsPort } from "./metrics.ts";
import { readinessProbes } from "./probes.ts";
import { modelStorage } from "./storage.ts";

/** Order matters: the agent copies the probe that readinessProbes made, and takes over the port it finds. */
export const podStages: readonly PodStage[] = [
  serviceName,
  readinessProbes,
  acceleratorSelector,
  modelStorage,
  agentSidecar,
  metricsPort,
];

/** @throws ServalError when the component cannot become a pod. */
export const podTemplate = (template: PodTemplate, context: PodContext): PodTemplate =>
  podStages.reduce((current, stage) => stage(current, context), template);

export { needsAgent } from "./agent.ts";
export type { PodContext, PodStage, PodTemplate } from "./context.ts";
export { noFacts, type PodFacts } from "./facts.ts";
