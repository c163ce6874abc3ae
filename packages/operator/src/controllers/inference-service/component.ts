// SPDX-License-Identifier: Apache-2.0
// A component (predictor, transformer, explainer) as data: names, labels, annotations and the pod before its stages.
// The three share this code; what differs is in the tables. Source: KServe components/{predictor,transformer,explainer}.go.
import {
  appLabel,
  type ComponentSpec,
  type Container,
  componentName,
  type ExplainerSpec,
  type InferenceService,
  labels,
  namespaceOf,
  type PodSpec,
  type Role,
  type ServingConfig,
  type ServingRuntime,
} from "@serval/api";
import { artContainer } from "../../pod/art.ts";
import type { PodFacts } from "../../pod/facts.ts";
import { type MultiNode, multiModelNotes, multiNodeOf, servesManyModels } from "../../pod/index.ts";
import { podPart, runtimePod } from "../../pod/runtime.ts";
import { sourceOf } from "../../pod/storage/source.ts";
import { ownAnnotations, ownLabels } from "./component-metadata.ts";

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
  /** The predictor serves TrainedModels. */
  readonly isMultiModel: boolean;
  /** Of a predictor on several nodes. */
  readonly multiNode?: MultiNodeComponent | undefined;
}

export interface MultiNodeComponent extends MultiNode {
  readonly workerLabels: Readonly<Record<string, string>>;
  readonly workerAnnotations: Readonly<Record<string, string>>;
}

/** A flag counts as present when any argument starts with it (KServe). */
const hasFlag = (args: readonly string[], flag: string): boolean => args.some((arg) => arg.startsWith(flag));

/** Custom transformers and explainers are told where the predictor is. */
function withChainArgs(container: Container, input: ComponentInput): Container {
  const { isvc, role } = input;
  const given = container.args ?? [];
  const host = predictorHost(input);
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

const predictorHost = ({ isvc, predictorName }: ComponentInput): string =>
  `${predictorName ?? componentName(isvc, "predictor")}.${namespaceOf(isvc)}`;

const artOf = (input: ComponentInput, art: NonNullable<ExplainerSpec["art"]>): Container =>
  artContainer({
    art,
    config: input.config,
    modelName: input.isvc.metadata.name ?? "",
    predictorHost: predictorHost(input),
    workers: input.isvc.spec.explainer?.containerConcurrency,
  });

function customPod(input: ComponentInput, component: ComponentSpec): PodSpec {
  const { containers = [], ...pod } = podPart(component);
  if (input.role === "predictor") return { ...pod, containers };
  if ("art" in component && component.art !== undefined)
    return { ...pod, containers: [artOf(input, component.art), ...containers] };
  const [first, ...others] = containers;
  if (first === undefined) return { ...pod, containers };
  return { ...pod, containers: [withChainArgs(first, input), ...others] };
}

export interface ComponentInput {
  readonly isvc: InferenceService;
  readonly config: ServingConfig;
  readonly facts: PodFacts;
  readonly role: Role;
  /** Of the predictor's model; undefined for own containers. */
  readonly runtime?: ServingRuntime | undefined;
  /** Instead of the component's own name: a canary's. */
  readonly name?: string | undefined;
  /** Whom a transformer or an explainer asks, when it is not the service's predictor. */
  readonly predictorName?: string | undefined;
}

/** What only a predictor on several nodes has; its objects carry its generation. */
function multiNodeParts(input: ComponentInput, built: Component): Pick<Component, "labels" | "multiNode"> {
  const { isvc, config, runtime, role } = input;
  const multiNode =
    role === "predictor"
      ? multiNodeOf({ isvc, config, runtime, name: built.name, sourceUri: built.sourceUri, pod: built.pod })
      : undefined;
  if (multiNode === undefined) return { labels: built.labels };
  const generation = { [labels.generation]: multiNode.generation };
  const worker = runtime?.spec.workerSpec;
  return {
    labels: { ...built.labels, ...generation },
    multiNode: {
      ...multiNode,
      workerLabels: { ...worker?.labels, ...ownLabels(input), ...generation },
      workerAnnotations: ownAnnotations(input, { sourceUri: built.sourceUri, inherited: worker?.annotations }),
    },
  };
}

/** @throws ServalError when the component cannot be built. `isvc` has its runtime's defaults applied. */
export function buildComponent(input: ComponentInput): Component {
  const { isvc, role, runtime, facts, name = componentName(isvc, role) } = input;
  const component = isvc.spec[role] as ComponentSpec;
  const isModel = runtime !== undefined && role === "predictor";
  const sourceUri = sourceOf(role, component, facts.storageContainers);
  const runtimeSpec = isModel ? runtime.spec : undefined;
  const isMultiModel = role === "predictor" && servesManyModels(isvc.spec.predictor, runtime);
  const built: Component = {
    role,
    name,
    workload: name,
    spec: component,
    sourceUri,
    isMultiModel,
    labels: { ...runtimeSpec?.labels, ...ownLabels(input), [labels.app]: appLabel(name) },
    annotations: {
      ...ownAnnotations(input, { sourceUri, inherited: runtimeSpec?.annotations }),
      ...(isMultiModel ? multiModelNotes(isvc) : {}),
    },
    pod: isModel ? runtimePod(isvc, runtime) : customPod(input, component),
  };
  return { ...built, ...multiNodeParts(input, built) };
}
