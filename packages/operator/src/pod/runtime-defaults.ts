// SPDX-License-Identifier: Apache-2.0
// What some servers need to be told, by the runtime's `server-type` annotation (else by its well-known name): a model
// with additions, and labels that runtime templates read. Source: KServe predictor.go and the runtime-defaults section.
import { annotations, type InferenceService, labels, type ModelSpec, type ServingRuntime } from "@serval/api";

const typeByName: Readonly<Record<string, string>> = {
  "kserve-mlserver": "mlserver",
  "kserve-torchserve": "torchserve",
  "kserve-tritonserver": "tritonserver",
  "kserve-tensorflow-serving": "tensorflow-serving",
  "kserve-huggingfaceserver": "huggingfaceserver",
  "kserve-vllmserver": "vllmserver",
};
export const serverTypeOf = ({ metadata }: ServingRuntime): string =>
  metadata.annotations?.[annotations.serverType] ?? typeByName[metadata.name ?? ""] ?? "";

const modelClasses: Readonly<Record<string, string>> = {
  xgboost: "mlserver_xgboost.XGBoostModel",
  lightgbm: "mlserver_lightgbm.LightGBMModel",
  mlflow: "mlserver_mlflow.MLflowRuntime",
};

interface Additions {
  model: ModelSpec;
  labels: Record<string, string>;
}
type Adapt = (model: ModelSpec, isvc: InferenceService) => Additions;

/** Adds variables that the user did not set. */
function withEnv(model: ModelSpec, env: Readonly<Record<string, string>>): ModelSpec {
  const present = new Set((model.env ?? []).map(({ name }) => name));
  const added = Object.entries(env).flatMap(([name, value]) => (present.has(name) ? [] : [{ name, value }]));
  return { ...model, env: [...(model.env ?? []), ...added] };
}

const withProtocol = (model: ModelSpec, protocolVersion: string): ModelSpec =>
  model.protocolVersion === undefined ? { ...model, protocolVersion } : model;

const hasStorage = ({ storageUri, storage }: ModelSpec): boolean => storageUri !== undefined || storage !== undefined;

const mlserver: Adapt = (given, { metadata: { name = "" } }) => {
  const model = withProtocol(given, "v2");
  const env: Record<string, string> = hasStorage(model)
    ? { MLSERVER_MODEL_NAME: name, MLSERVER_MODEL_URI: "/mnt/models" }
    : { MLSERVER_LOAD_MODELS_AT_STARTUP: "false" };
  const modelClass = modelClasses[model.modelFormat?.name ?? ""] ?? "mlserver_sklearn.SKLearnModel";
  return { model: withEnv(model, env), labels: { [labels.modelClass]: modelClass } };
};

const triton: Adapt = (given) => {
  const model = withProtocol(given, "v2");
  if (hasStorage(model)) return { model, labels: {} };
  return { model: { ...model, args: [...(model.args ?? []), "--model-control-mode=explicit"] }, labels: {} };
};

const torchserve: Adapt = (given) => {
  const model = withProtocol(given, "v1");
  const protocol = model.protocolVersion ?? "v1";
  const envelope = protocol === "v1" || protocol === "grpc-v1" ? "kserve" : "kservev2";
  const env = [...(model.env ?? []), { name: "PROTOCOL_VERSION", value: protocol }];
  return { model: { ...model, env }, labels: { [labels.serviceEnvelope]: envelope } };
};

const adaptations: Readonly<Record<string, Adapt>> = { mlserver, tritonserver: triton, torchserve };

const protocolOrder: readonly string[] = ["v1", "v2", "grpc-v1", "grpc-v2"];

/** The service as its runtime wants it: model additions, labels for templates, and a protocol. In memory only. */
export function withRuntimeDefaults(isvc: InferenceService, runtime: ServingRuntime): InferenceService {
  const given = isvc.spec.predictor.model;
  if (given === undefined) return isvc;
  const adapt = adaptations[serverTypeOf(runtime)];
  const { model, labels: added } = adapt?.(given, isvc) ?? { model: given, labels: {} };
  const spoken = runtime.spec.protocolVersions ?? [];
  const lowest = protocolOrder.find((protocol) => spoken.includes(protocol));
  const complete = lowest === undefined ? model : withProtocol(model, lowest);
  const metadata =
    Object.keys(added).length === 0
      ? isvc.metadata
      : { ...isvc.metadata, labels: { ...isvc.metadata.labels, ...added } };
  return { ...isvc, metadata, spec: { ...isvc.spec, predictor: { ...isvc.spec.predictor, model: complete } } };
}
