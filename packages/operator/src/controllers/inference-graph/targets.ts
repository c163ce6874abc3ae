// SPDX-License-Identifier: Apache-2.0
// Where the steps of a graph lead: a step that names a service gets the URL that this service answers predictions at.
// Pure. Source: KServe inferencegraph/controller.go (updateInferenceGraphURLs) and isvcutils GetPredictorEndpoint.

import {
  type InferenceGraphSpec,
  type InferenceService,
  type InferenceStep,
  implementationsOf,
  predictPath,
  type ServingRuntime,
} from "@serval/api";
import { servesManyModels } from "../../pod/index.ts";
import { isReadyStatus } from "../inference-service/settling.ts";

export interface Directory {
  /** Of the graph's namespace. */
  readonly service: (name: string) => InferenceService | undefined;
  /** That serves it: the one that it names, else the one that was chosen. */
  readonly runtime: (isvc: InferenceService) => ServingRuntime | undefined;
}

export interface TargetProblem {
  readonly reason: "GraphServiceNotFound" | "GraphServiceNotReady" | "GraphProtocol";
  readonly message: string;
}

const flagOf = (args: readonly string[], flag: string): string | undefined => {
  const index = args.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  const found = args[index];
  return found === flag ? args[index + 1] : found?.slice(flag.length + 1);
};

/** KServe: what the server itself was told to call the model. */
function modelName(isvc: InferenceService): string {
  const { predictor, transformer } = isvc.spec;
  const { model } = predictor;
  return (
    flagOf(transformer?.containers?.[0]?.args ?? [], "--model_name") ??
    model?.env?.find(({ name }) => name === "MLSERVER_MODEL_NAME")?.value ??
    flagOf(model?.args ?? [], "--model_name") ??
    flagOf(predictor.containers?.[0]?.args ?? [], "--model_name") ??
    isvc.metadata.name ??
    ""
  );
}

/** undefined: the runtime speaks nothing that a graph can use. */
function protocolOf(isvc: InferenceService, runtime: ServingRuntime | undefined): string | undefined {
  const { transformer, predictor } = isvc.spec;
  if (transformer !== undefined) {
    const spoken = transformer.containers?.[0]?.env?.find(({ name }) => name === "PROTOCOL")?.value;
    return spoken ?? "v1";
  }
  const [implementation] = implementationsOf("predictor", predictor);
  const own = implementation?.kind === "model" ? implementation.spec.protocolVersion : undefined;
  const named = implementation?.kind === "model" && implementation.spec.runtime !== undefined ? runtime : undefined;
  const protocols = named?.spec.protocolVersions ?? [];
  if (protocols.length === 0) return own ?? "v1";
  return protocols.find((protocol) => protocol === "v1" || protocol === "v2");
}

function serviceUrl(name: string, { service, runtime }: Directory): { url: string } | { problem: TargetProblem } {
  const isvc = service(name);
  if (isvc === undefined)
    return { problem: { reason: "GraphServiceNotFound", message: `Failed to find graph service ${name}` } };
  const address = isvc.status?.address?.url;
  if (address === undefined || !isReadyStatus(isvc.status))
    return { problem: { reason: "GraphServiceNotReady", message: `service ${name} is not ready` } };
  const server = runtime(isvc);
  if (servesManyModels(isvc.spec.predictor, server) && isvc.spec.transformer === undefined) return { url: address };
  const protocol = protocolOf(isvc, server);
  if (protocol === undefined)
    return {
      problem: {
        reason: "GraphProtocol",
        message: `service ${name}: the runtime does not support a protocol compatible with Inference Graphs`,
      },
    };
  return { url: `${address}${predictPath(modelName(isvc), protocol)}` };
}

/** The spec with every service's URL, or the first step that leads nowhere. */
export function withTargets(
  spec: InferenceGraphSpec,
  directory: Directory,
): { readonly spec: InferenceGraphSpec } | { readonly problem: TargetProblem } {
  const nodes: InferenceGraphSpec["nodes"] = {};
  for (const [name, node] of Object.entries(spec.nodes)) {
    const steps: InferenceStep[] = [];
    for (const step of node.steps ?? []) {
      if (step.serviceName === undefined || (step.serviceUrl ?? "") !== "") {
        steps.push(step);
        continue;
      }
      const found = serviceUrl(step.serviceName, directory);
      if ("problem" in found) return found;
      steps.push({ ...step, serviceUrl: found.url });
    }
    nodes[name] = node.steps === undefined ? node : { ...node, steps };
  }
  return { spec: { ...spec, nodes } };
}

/** Names of the services that a graph asks. */
export const servicesOf = ({ nodes }: InferenceGraphSpec): string[] =>
  Object.values(nodes).flatMap(({ steps = [] }) => steps.flatMap(({ serviceName }) => serviceName ?? []));
