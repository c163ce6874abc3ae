// SPDX-License-Identifier: Apache-2.0
// Adoption without a restart (decision 19): a Deployment that KServe's controller made keeps its template, and its pods
// get here what they got from KServe's pod webhook, by the same stages that make our own templates.
import {
  type AnyObject,
  containerNames,
  type InferenceService,
  internalAnnotations,
  type Key,
  labels,
  type Pod,
  type Role,
  roles,
  type ServingConfig,
} from "@serval/api";
import type { AdmissionPlugin } from "@serval/kube";
import type { PodFacts } from "../pod/facts.ts";
import { admissionStages, type PodContext, type PodStage, type PodTemplate } from "../pod/index.ts";
import { storageInitializerUser } from "../pod/storage/istio.ts";

export interface PodDeps {
  readonly config: () => ServingConfig;
  /** As stored; undefined: deleted meanwhile. */
  readonly service: (key: Key) => Promise<InferenceService | undefined>;
  readonly facts: (isvc: InferenceService) => Promise<PodFacts>;
}

const internalPrefix = "internal.serving.kserve.io/";

/** Our own templates carry none of KServe's messages to its webhook. */
const isMadeByKserve = ({ metadata }: AnyObject): boolean =>
  metadata.labels?.[labels.inferenceService] !== undefined &&
  Object.keys(metadata.annotations ?? {}).some((name) => name.startsWith(internalPrefix));

const modelVolumes: ReadonlySet<string> = new Set(["kserve-provision-location", "kserve-pvc-source"]);

/** Completed before: API servers ask again when another webhook changed the pod after us. */
const isComplete = ({ spec }: PodTemplate): boolean =>
  [...spec.containers, ...(spec.initContainers ?? [])].some(
    ({ name }) => name === containerNames.storageInitializer || name === containerNames.agent,
  ) || (spec.volumes ?? []).some(({ name }) => modelVolumes.has(name));

/** Only the user of the initializer depends on what others add. */
const stagesFor = (template: PodTemplate): readonly PodStage[] =>
  isComplete(template) ? [storageInitializerUser] : admissionStages;

function roleOf({ metadata }: PodTemplate): Role {
  const label = metadata.labels?.[labels.component];
  return roles.find((role) => role === label) ?? "predictor";
}

/** The pod as KServe's webhook would have left it. @throws ServalError when it cannot be completed. Pure. */
export function completedPod(template: PodTemplate, given: Pick<PodContext, "isvc" | "config" | "facts">): PodTemplate {
  const role = roleOf(template);
  const component = given.isvc.spec[role];
  if (component === undefined) return template;
  const notes = template.metadata.annotations ?? {};
  const context: PodContext = {
    ...given,
    role,
    component,
    // The template's own: the service may have moved on since.
    sourceUri: notes[internalAnnotations.sourceUri],
    name: (template.metadata.labels?.[labels.app] ?? "").replace(/^isvc\./, ""),
    isMultiModel: notes[internalAnnotations.agent] !== undefined,
  };
  return stagesFor(template).reduce((current, stage) => stage(current, context), template);
}

export const podPlugin = (deps: PodDeps): AdmissionPlugin => ({
  name: "inferenceservice.kserve-webhook-server.pod-mutator",
  phase: "mutate",
  handles: ({ resource, operation, subresource }) =>
    operation === "CREATE" &&
    (subresource === undefined || subresource === "") &&
    resource.group === "" &&
    resource.plural === "pods",
  admit: async ({ object, namespace }) => {
    if (object === undefined || !isMadeByKserve(object)) return {};
    const name = object.metadata.labels?.[labels.inferenceService] ?? "";
    const isvc = await deps.service({ namespace, name });
    if (isvc === undefined)
      return { warnings: [`InferenceService ${namespace}/${name} does not exist: the pod is not completed`] };
    const pod = object as unknown as Pod;
    const template: PodTemplate = { metadata: object.metadata, spec: pod.spec ?? { containers: [] } };
    const { metadata, spec } = completedPod(template, {
      isvc,
      config: deps.config(),
      facts: await deps.facts(isvc),
    });
    return { object: { ...object, metadata, spec } };
  },
});
