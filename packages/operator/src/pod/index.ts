// SPDX-License-Identifier: Apache-2.0
// The whole pod, as a chain of pure stages shared by every mode and both homes. A pod feature is one file here and one
// entry in the list below.
import { acceleratorSelector } from "./accelerator.ts";
import { agentSidecar } from "./agent.ts";
import type { PodContext, PodStage, PodTemplate } from "./context.ts";
import { serviceName } from "./environment.ts";
import { metricsPort } from "./metrics.ts";
import { groupMember } from "./multi-node.ts";
import { ociModels } from "./oci/index.ts";
import { podDefaults } from "./pod-defaults.ts";
import { readinessProbes } from "./probes.ts";
import { storageInitializerUser } from "./storage/istio.ts";
import { storageUri } from "./storage/storage-uri.ts";
import { storageUris } from "./storage/storage-uris.ts";

/** What KServe's pod webhook does; our webhook does it to pods that its controller made. */
export const admissionStages: readonly PodStage[] = [
  acceleratorSelector,
  storageUri,
  storageInitializerUser,
  agentSidecar,
  metricsPort,
  ociModels,
];

/** What KServe's controller does: with its messages to the webhook, this is the template that it writes. */
const controllerStages: readonly PodStage[] = [podDefaults, serviceName, groupMember, readinessProbes, storageUris];

/**
 * `whole`: as we write it. `kserve`: as KServe's controller does, which leaves the rest to its pod webhook; for comparing
 * with what it wrote, and for going back to it.
 */
export type PodForm = "whole" | "kserve";

/**
 * Order matters: the agent copies the probe that readinessProbes made, takes over the port it finds and gets the model's
 * user before ociModels changes it.
 */
const stagesOf: Readonly<Record<PodForm, readonly PodStage[]>> = {
  whole: [...controllerStages, ...admissionStages],
  kserve: controllerStages,
};

/** @throws ServalError when the component cannot become a pod. */
export const podTemplate = (template: PodTemplate, context: PodContext, form: PodForm = "whole"): PodTemplate =>
  stagesOf[form].reduce((current, stage) => stage(current, context), template);

export { needsAgent } from "./agent.ts";
export type { PodContext, PodStage, PodTemplate } from "./context.ts";
export { noFacts, type PodFacts } from "./facts.ts";
export { modelConfigMap, multiModelNotes, servesManyModels } from "./multi-model.ts";
export { type MultiNode, multiNodeOf } from "./multi-node.ts";
export { type ImageVolumeVerdict, imageVolumeVerdict } from "./oci/scheme.ts";
