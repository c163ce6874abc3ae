// SPDX-License-Identifier: Apache-2.0
// What the stages of a pod template see, and their one signature.
import type { ComponentSpec, Container, InferenceService, ObjectMeta, PodSpec, Role, ServingConfig } from "@serval/api";
import type { PodFacts } from "./facts.ts";
import type { GroupMember } from "./multi-node.ts";

export interface PodTemplate {
  readonly metadata: ObjectMeta;
  readonly spec: PodSpec;
}

export interface PodContext {
  readonly isvc: InferenceService;
  readonly config: ServingConfig;
  readonly role: Role;
  /** Name of the component's objects. */
  readonly name: string;
  readonly component: ComponentSpec;
  /** Where the model is; undefined: the component loads none. */
  readonly sourceUri?: string | undefined;
  readonly facts: PodFacts;
  /** The predictor serves TrainedModels, which its agent pulls. */
  readonly isMultiModel?: boolean | undefined;
  /** The pod is one of several that serve a model together. */
  readonly group?: GroupMember | undefined;
}

/** Adds one concern to a template. Pure: returns a new template, or the same one when there is nothing to add. */
export type PodStage = (template: PodTemplate, context: PodContext) => PodTemplate;

export const withSpec = (template: PodTemplate, spec: Partial<PodSpec>): PodTemplate => ({
  ...template,
  spec: { ...template.spec, ...spec },
});

export const withContainers = (template: PodTemplate, change: (container: Container) => Container): PodTemplate =>
  withSpec(template, { containers: template.spec.containers.map(change) });

export const findContainer = (template: PodTemplate, ...names: readonly string[]): Container | undefined => {
  for (const name of names) {
    const found = template.spec.containers.find((container) => container.name === name);
    if (found !== undefined) return found;
  }
  return undefined;
};
