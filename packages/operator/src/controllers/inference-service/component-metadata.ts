// SPDX-License-Identifier: Apache-2.0
// Labels and annotations of a component's objects: what is handed on from the service, and KServe's internal messages.
import {
  annotations,
  type ComponentSpec,
  type InferenceService,
  internalAnnotations,
  labels,
  type Role,
  type ServingConfig,
} from "@serval/api";
import { storageNotes } from "../../pod/storage/source.ts";

export interface MetadataInput {
  readonly isvc: InferenceService;
  readonly config: ServingConfig;
  readonly role: Role;
}

/** KServe's built-in list; in force only while the ConfigMap has the key `inferenceService`. */
const builtInAnnotationFilter: readonly string[] = [
  "autoscaling.knative.dev/min-scale",
  "autoscaling.knative.dev/max-scale",
  internalAnnotations.sourceUri,
  "kubectl.kubernetes.io/last-applied-configuration",
  annotations.modelFormat,
];

const without = (map: Readonly<Record<string, string>> | undefined, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(Object.entries(map ?? {}).filter(([name]) => !names.includes(name)));

export function annotationFilter({ present, inferenceService }: ServingConfig): readonly string[] {
  // The last-applied annotation of kubectl is never a child's, whatever the ConfigMap says.
  if (!present.has("inferenceService")) return ["kubectl.kubernetes.io/last-applied-configuration"];
  return [...builtInAnnotationFilter, ...(inferenceService.serviceAnnotationDisallowedList ?? [])];
}

export function labelFilter({ present, inferenceService }: ServingConfig): readonly string[] {
  if (!present.has("inferenceService")) return [];
  return [labels.knativeVisibility, ...(inferenceService.serviceLabelDisallowedList ?? [])];
}

export const filtered = without;

function loggerNotes({ logger }: ComponentSpec): Record<string, string> {
  if (logger === undefined) return {};
  const { url, mode, metadataHeaders = [], metadataAnnotations = [] } = logger;
  return {
    [internalAnnotations.logger]: "true",
    ...(url === undefined ? {} : { [internalAnnotations.loggerSinkUrl]: url }),
    ...(mode === undefined ? {} : { [internalAnnotations.loggerMode]: mode }),
    ...(metadataHeaders.length === 0 ? {} : { [internalAnnotations.loggerMetadataHeaders]: metadataHeaders.join(",") }),
    ...(metadataAnnotations.length === 0
      ? {}
      : { [internalAnnotations.loggerMetadataAnnotations]: metadataAnnotations.join(",") }),
  };
}

function batcherNotes(role: Role, { batcher }: ComponentSpec): Record<string, string> {
  if (batcher === undefined || role === "explainer") return {};
  const { maxBatchSize, maxLatency } = batcher;
  return {
    [internalAnnotations.batcher]: "true",
    ...(maxBatchSize === undefined ? {} : { [internalAnnotations.batcherMaxBatchSize]: `${maxBatchSize}` }),
    ...(maxLatency === undefined ? {} : { [internalAnnotations.batcherMaxLatency]: `${maxLatency}` }),
  };
}

function confidentialNotes(role: Role, component: ComponentSpec): Record<string, string> {
  const model = role === "predictor" && "model" in component ? component.model : undefined;
  if (model?.confidential?.enabled !== true) return {};
  const { resourceId } = model.confidential;
  return {
    [internalAnnotations.confidentialEnabled]: "true",
    ...(resourceId === undefined ? {} : { [internalAnnotations.confidentialResourceId]: resourceId }),
  };
}

export const ownLabels = ({ isvc, role }: MetadataInput): Record<string, string> => ({
  ...isvc.metadata.labels,
  ...isvc.spec[role]?.labels,
  [labels.inferenceService]: isvc.metadata.name ?? "",
  [labels.component]: role,
});

interface AnnotationInput {
  readonly sourceUri: string | undefined;
  /** The runtime's. */
  readonly inherited: Readonly<Record<string, string>> | undefined;
}

export function ownAnnotations(
  { isvc, config, role }: MetadataInput,
  { sourceUri, inherited }: AnnotationInput,
): Record<string, string> {
  const component = isvc.spec[role] as ComponentSpec;
  const filter = annotationFilter(config);
  return {
    ...filtered(inherited, filter),
    ...filtered(isvc.metadata.annotations, filter),
    ...loggerNotes(component),
    ...batcherNotes(role, component),
    ...confidentialNotes(role, component),
    ...storageNotes(role, component, sourceUri),
    ...filtered(component.annotations, filter),
  };
}
