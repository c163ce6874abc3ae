// SPDX-License-Identifier: Apache-2.0
// Rule 9 of KServe's validator, without autoscaling: one implementation, replica bounds, concurrency, logger.
import type { Finding } from "@serval/api/errors/index.ts";
import { type ComponentSpec, type Implementation, implementationsOf, type Role } from "../implementations.ts";
import { finding, none } from "./rule.ts";

/** KServe: the struct's field names except the last, as its reflection prints them. */
const choices: Readonly<Record<Role, { fields: string; spec: string }>> = {
  predictor: {
    fields:
      "Name, SKLearn, XGBoost, Tensorflow, PyTorch, Triton, ONNX, HuggingFace, PMML, LightGBM, Paddle, Model, StorageUris, StorageContainerName, WorkerSpec, PodSpec",
    spec: "PredictorSpec",
  },
  transformer: { fields: "PodSpec, ComponentExtensionSpec", spec: "TransformerSpec" },
  explainer: { fields: "ART, PodSpec, ComponentExtensionSpec", spec: "ExplainerSpec" },
};

export function implementationFindings(role: Role, component: ComponentSpec, path: string): Finding[] {
  const implementations = implementationsOf(role, component);
  if (implementations.length !== 1) {
    const { fields, spec } = choices[role];
    return [finding("ImplementationCount", path, `exactly one of [${fields}] must be specified in ${spec}`)];
  }
  return protocolFindings(role, implementations[0] as Implementation, path);
}

function protocolFindings(role: Role, implementation: Implementation, path: string): Finding[] {
  if (role !== "predictor" || implementation.kind !== "custom") return none;
  const protocol = implementation.spec.env?.find(({ name }) => name === "PROTOCOL")?.value;
  if (protocol === undefined || protocol === "v1" || protocol === "v2") return none;
  // KServe: swaps the two arguments of this text.
  return [
    finding(
      "InvalidProtocol",
      `${path}.containers`,
      `invalid protocol v1, v2. Must be one of [${protocol}]`,
      `PROTOCOL is "${protocol}": set it to v1 or v2`,
    ),
  ];
}

const loggerModes: readonly string[] = ["all", "request", "response"];

export function extensionFindings(component: ComponentSpec, path: string): Finding[] {
  const found: Finding[] = [];
  const { containerConcurrency, minReplicas, maxReplicas, logger } = component;
  if (containerConcurrency !== undefined && containerConcurrency < 0)
    found.push(finding("InvalidConcurrency", `${path}.containerConcurrency`, "parallelism cannot be less than 0"));
  const replicas = (field: string, text: string): void => {
    found.push(finding("InvalidReplicas", `${path}.${field}`, text));
  };
  if (minReplicas !== undefined && minReplicas < 0) replicas("minReplicas", "'MinReplicas' cannot be less than 0");
  if (maxReplicas !== undefined && maxReplicas < 0) replicas("maxReplicas", "'MaxReplicas' cannot be less than 0");
  else if ((maxReplicas ?? 0) !== 0 && (minReplicas ?? 1) > (maxReplicas ?? 0))
    replicas("minReplicas", "'MinReplicas' cannot be greater than MaxReplicas");
  if (logger === undefined) return found;
  if (logger.mode === undefined || !loggerModes.includes(logger.mode))
    found.push(finding("InvalidLogger", `${path}.logger.mode`, "invalid logger type"));
  const { storage } = logger;
  if (storage !== undefined && (!storage.path || storage.parameters === undefined || !storage.key))
    found.push(finding("InvalidLogger", `${path}.logger.storage`, "invalid logger storage configuration"));
  return found;
}
