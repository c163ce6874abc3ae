// SPDX-License-Identifier: Apache-2.0
// What admission fills in. Pure: returns a new object. Source: KServe inference_service_defaults.go, whose webhook also
// leaves traces of its Go types (empty `name` and `resources` of containers), kept so that stored objects are equal.
import type { ServingConfig } from "@serval/api/config/parse.ts";
import type { Container } from "@serval/api/core/index.ts";
import { parseMode } from "../../modes.ts";
import { annotations, containerNames } from "../../names.ts";
import { type LocalModels, withLocalModel } from "../../v1alpha1/local-model/match.ts";
import { type ComponentSpec, implementationsOf, type Role, roles } from "./implementations.ts";
import { storageUriOf } from "./rules/storage.ts";
import {
  type ExplainerSpec,
  type FrameworkSpec,
  frameworkNames,
  type InferenceService,
  type ModelSpec,
  type PredictorSpec,
} from "./schema.ts";

/** Legacy keys whose models speak v2 unless they say otherwise. */
const v2Frameworks: ReadonlySet<string> = new Set(["triton", "onnx", "huggingface"]);
/** Formats of `model` whose models speak v2 unless they say otherwise. */
const v2Formats: ReadonlySet<string> = new Set(["triton", "vLLM"]);

type Resources = NonNullable<ServingConfig["inferenceService"]["resource"]>;

/** The first legacy key becomes `model`; the others stay, so that the one-implementation rule refuses them. */
function modelFromFramework(predictor: PredictorSpec): PredictorSpec {
  const name = frameworkNames.find((key) => predictor[key] !== undefined);
  if (name === undefined) return predictor;
  const { [name]: framework, ...rest } = predictor;
  const spec: FrameworkSpec = { ...framework };
  if (spec.protocolVersion === undefined && v2Frameworks.has(name)) spec.protocolVersion = "v2";
  return { ...(rest as PredictorSpec), model: { modelFormat: { name }, ...spec } };
}

function defaultedModel(model: ModelSpec): ModelSpec {
  const format = model.modelFormat?.name ?? "";
  return model.protocolVersion === undefined && v2Formats.has(format) ? { ...model, protocolVersion: "v2" } : model;
}

/** Adds default requests and limits key by key; an empty default adds nothing. */
function withDefaultResources<T extends Pick<Container, "resources">>(
  container: T,
  defaults: Resources | undefined,
): T {
  const fill = (given: Record<string, unknown> | undefined, cpu: string, memory: string) => {
    const filled = { ...(cpu === "" ? {} : { cpu }), ...(memory === "" ? {} : { memory }), ...given };
    return Object.keys(filled).length === 0 ? undefined : filled;
  };
  const requests = fill(container.resources?.requests, defaults?.cpuRequest ?? "", defaults?.memoryRequest ?? "");
  const limits = fill(container.resources?.limits, defaults?.cpuLimit ?? "", defaults?.memoryLimit ?? "");
  const resources = {
    ...container.resources,
    ...(limits === undefined ? {} : { limits }),
    ...(requests === undefined ? {} : { requests }),
  };
  return { ...container, resources: resources as Container["resources"] };
}

/** The custom container gets its well-known name and default resources. */
function defaultedContainers(
  role: Role,
  containers: readonly Container[],
  defaults: Resources | undefined,
): Container[] {
  const [first, ...others] = containers;
  if (first === undefined) return [...containers];
  const isUnnamed = first.name === undefined || first.name === "";
  const takesName = role !== "predictor" || others.length === 0 || isUnnamed;
  const named = takesName ? { ...first, name: containerNames.model } : first;
  return [withDefaultResources(named, defaults), ...others];
}

function defaultedArt(art: NonNullable<ExplainerSpec["art"]>, config: ServingConfig): typeof art {
  const runtimeVersion = art.runtimeVersion ?? config.explainers.art.defaultImageVersion;
  const named = { ...art, name: containerNames.model, runtimeVersion };
  return withDefaultResources(named, config.inferenceService.resource);
}

function defaultedComponent<T extends ComponentSpec>(role: Role, component: T, config: ServingConfig): T {
  const [implementation, ...others] = implementationsOf(role, component);
  let result: T = component;
  if (implementation?.kind === "custom" && others.length === 0) {
    const containers = defaultedContainers(role, component.containers ?? [], config.inferenceService.resource);
    result = { ...component, containers };
  }
  if (implementation?.kind === "art" && others.length === 0)
    result = { ...component, art: defaultedArt(implementation.spec, config) };
  // KServe: a ConfigMap without the key means false.
  if (config.security.autoMountServiceAccountToken || result.automountServiceAccountToken !== undefined) return result;
  return { ...result, automountServiceAccountToken: false };
}

/** A quantity given as a number is stored as text. */
const quantityTexts = (amounts: Record<string, unknown> | undefined): Record<string, string> | undefined =>
  amounts === undefined
    ? undefined
    : Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, `${amount}`]));

function goResources(resources: Container["resources"]): Container["resources"] {
  const limits = quantityTexts(resources?.limits);
  const requests = quantityTexts(resources?.requests);
  return {
    ...resources,
    ...(limits === undefined ? {} : { limits }),
    ...(requests === undefined ? {} : { requests }),
  };
}

/** KServe: a Go Container always marshals `name` and `resources`. */
const goContainer = <T extends { name?: string | undefined; resources?: Container["resources"] }>(container: T): T => ({
  ...container,
  name: container.name ?? "",
  resources: goResources(container.resources),
});

function goComponent<T extends ComponentSpec>(component: T): T {
  const result: T = { ...component };
  if (result.containers !== undefined) result.containers = result.containers.map(goContainer);
  if (result.initContainers !== undefined) result.initContainers = result.initContainers.map(goContainer);
  if ("model" in result && result.model !== undefined) result.model = goContainer(result.model);
  if ("art" in result && result.art !== undefined) result.art = goContainer(result.art);
  if ("workerSpec" in result && result.workerSpec?.containers !== undefined)
    result.workerSpec = { ...result.workerSpec, containers: result.workerSpec.containers.map(goContainer) };
  for (const name of frameworkNames) {
    const spec = (result as PredictorSpec)[name];
    if (spec !== undefined) (result as PredictorSpec)[name] = goContainer(spec);
  }
  return result;
}

/** Canonical mode names; the default mode is written down, so that a later change of the default moves nothing. */
function modeAnnotation(current: string | undefined, config: ServingConfig): string | undefined {
  if (current !== undefined) return parseMode(current) ?? current;
  const fallback = parseMode(config.deploy.defaultDeploymentMode);
  // KServe: nothing is added for Knative.
  return fallback === "Knative" ? undefined : fallback;
}

/**
 * The object as it is stored. Total: an object without predictor comes back with only its mode set. `models` absent: local
 * model caches are not looked at, and their marks stay as they are.
 */
export function defaultInferenceService(
  isvc: InferenceService,
  config: ServingConfig,
  models?: LocalModels,
): InferenceService {
  const given = isvc.metadata.annotations?.[annotations.deploymentMode];
  const mode = modeAnnotation(given, config);
  const notes: Record<string, string> = {
    ...isvc.metadata.annotations,
    ...(mode === undefined ? {} : { [annotations.deploymentMode]: mode }),
  };
  const spec = { ...isvc.spec };
  if (spec.predictor !== undefined) {
    // A ModelMesh predictor belongs to ModelMesh's own controller.
    if (given !== "ModelMesh") spec.predictor = defaultedPredictor(spec.predictor, config);
    const format = spec.predictor.model?.modelFormat?.name;
    if (format !== undefined && given !== "ModelMesh") notes[annotations.modelFormat] ??= format;
  }
  for (const role of roles) {
    if (role === "predictor") continue;
    const component = spec[role];
    if (component !== undefined) (spec as Record<string, unknown>)[role] = defaultedComponent(role, component, config);
  }
  for (const role of roles) {
    const component = spec[role];
    if (component !== undefined) (spec as Record<string, unknown>)[role] = goComponent(component);
  }
  if (spec.canary !== undefined)
    spec.canary = spec.canary.map((entry) => ({ ...entry, predictor: goComponent(entry.predictor) }));
  let metadata = Object.keys(notes).length === 0 ? isvc.metadata : { ...isvc.metadata, annotations: notes };
  if (models !== undefined && config.localModel.enabled && spec.predictor !== undefined)
    metadata = withLocalModel(metadata, storageUriOf("predictor", spec.predictor), models);
  return { ...isvc, metadata, ...(isvc.spec === undefined ? {} : { spec }) };
}

function defaultedPredictor(predictor: PredictorSpec, config: ServingConfig): PredictorSpec {
  const rewritten = modelFromFramework(predictor);
  const withModel =
    rewritten.model === undefined ? rewritten : { ...rewritten, model: defaultedModel(rewritten.model) };
  return defaultedComponent("predictor", withModel, config);
}
