// SPDX-License-Identifier: Apache-2.0
// A component (predictor, transformer, explainer) as data: names, labels, annotations and the pod before its stages.
// The three share this code; what differs is in the tables. Source: KServe components/{predictor,transformer,explainer}.go.
import {
  annotations,
  appLabel,
  type ComponentSpec,
  type Container,
  componentName,
  type InferenceService,
  implementationsOf,
  internalAnnotations,
  labels,
  namespaceOf,
  type PodSpec,
  type Role,
  ServalError,
  type ServingConfig,
  type ServingRuntime,
  storageUriOf,
} from "@serval/api";
import { podPart, runtimePod } from "../../pod/runtime.ts";

export interface Component {
  readonly role: Role;
  /** Of the Service; routes and other components speak to it. */
  readonly name: string;
  /** Of the Deployment and its autoscaler: another one than `name` after a canary was promoted. */
  readonly workload: string;
  /** Kinds of its objects that stay as they are in the cluster: a canary of the new spec runs beside them. */
  readonly frozen?: readonly ("Deployment" | "Service")[];
  readonly spec: ComponentSpec;
  /** Of every object of the component. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly pod: PodSpec;
  readonly sourceUri: string | undefined;
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

const supportedPrefixes: readonly string[] = [
  "gs://",
  "s3://",
  "pvc://",
  "file://",
  "https://",
  "http://",
  "hdfs://",
  "webhdfs://",
  "oci://",
  "oci+native://",
  "oci+fetch://",
  "hf://",
];
const azureBlob = "https://{}.blob.core.windows.net/{}/{}";

/** KServe: any text without a scheme is a local path. */
function checkStorageUri(uri: string | undefined): void {
  if (uri === undefined || uri === "" || !/^\w[\w+.-]*?:\/\//.test(uri)) return;
  if (supportedPrefixes.some((prefix) => uri.startsWith(prefix))) return;
  throw new ServalError(
    "StorageUriNotSupported",
    `StorageURI not supported: storageUri, must be one of: [${supportedPrefixes.join(", ")}] or match ${azureBlob} or be an absolute or relative local path. StorageURI [${uri}] is not supported`,
  );
}

/** Where the model comes from, as the initializer's argument. */
function sourceOf(role: Role, component: ComponentSpec): string | undefined {
  const [implementation] = implementationsOf(role, component);
  const uri = storageUriOf(role, component);
  const storage = implementation?.kind === "model" ? implementation.spec.storage : undefined;
  if (uri !== undefined && uri !== "" && (storage?.path ?? "") !== "")
    throw new ServalError("StorageConflict", "must provide only one of storageUri and storage.path");
  checkStorageUri(uri);
  return uri === "" ? undefined : uri;
}

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

/** A flag counts as present when any argument starts with it (KServe). */
const hasFlag = (args: readonly string[], flag: string): boolean => args.some((arg) => arg.startsWith(flag));

/** Custom transformers and explainers are told where the predictor is. */
function withChainArgs(container: Container, { isvc, role, predictorName }: ComponentInput): Container {
  const given = container.args ?? [];
  const host = `${predictorName ?? componentName(isvc, "predictor")}.${namespaceOf(isvc)}`;
  const concurrency = isvc.spec[role]?.containerConcurrency;
  const flags: [string, string, boolean][] = [
    ["--model_name", isvc.metadata.name ?? "", hasFlag(given, "--model_name")],
    ["--predictor_host", host, hasFlag(given, "--predictor_host")],
    // KServe: an explainer always gets the port, a transformer unless it has one.
    ["--http_port", "8080", role === "transformer" && hasFlag(given, "--http_port")],
  ];
  if (concurrency !== undefined) flags.push(["--workers", `${concurrency}`, hasFlag(given, "--workers")]);
  const added: string[] = [];
  for (const [flag, value, isPresent] of flags) if (!isPresent) added.push(flag, value);
  return { ...container, args: [...given, ...added] };
}

function customPod(input: ComponentInput, component: ComponentSpec): PodSpec {
  const { containers = [], ...pod } = podPart(component);
  if (input.role === "predictor") return { ...pod, containers };
  const [first, ...others] = containers;
  if (first === undefined) return { ...pod, containers };
  return { ...pod, containers: [withChainArgs(first, input), ...others] };
}

export interface ComponentInput {
  readonly isvc: InferenceService;
  readonly config: ServingConfig;
  readonly role: Role;
  /** Of the predictor's model; undefined for own containers. */
  readonly runtime?: ServingRuntime | undefined;
  /** Instead of the component's own name: a canary's. */
  readonly name?: string | undefined;
  /** Whom a transformer or an explainer asks, when it is not the service's predictor. */
  readonly predictorName?: string | undefined;
}

/** @throws ServalError when the component cannot be built. `isvc` has its runtime's defaults applied. */
export function buildComponent(input: ComponentInput): Component {
  const { isvc, config, role, runtime, name = componentName(isvc, role) } = input;
  const component = isvc.spec[role] as ComponentSpec;
  const isModel = runtime !== undefined && role === "predictor";
  const sourceUri = sourceOf(role, component);
  const filter = annotationFilter(config);
  const runtimeSpec = isModel ? runtime.spec : undefined;
  return {
    role,
    name,
    workload: name,
    spec: component,
    sourceUri,
    labels: {
      ...runtimeSpec?.labels,
      ...isvc.metadata.labels,
      ...component.labels,
      [labels.inferenceService]: isvc.metadata.name ?? "",
      [labels.component]: role,
      [labels.app]: appLabel(name),
    },
    annotations: {
      ...filtered(runtimeSpec?.annotations, filter),
      ...filtered(isvc.metadata.annotations, filter),
      ...loggerNotes(component),
      ...batcherNotes(role, component),
      ...confidentialNotes(role, component),
      ...(sourceUri === undefined ? {} : { [internalAnnotations.sourceUri]: sourceUri }),
      ...filtered(component.annotations, filter),
    },
    pod: isModel ? runtimePod(isvc, runtime) : customPod(input, component),
  };
}
