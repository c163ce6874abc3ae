// SPDX-License-Identifier: Apache-2.0
// Servers of the frameworks themselves, as KServe runs them: MLServer, Triton, TensorFlow Serving, TorchServe, OpenVINO.
import type { Json, RuntimeDescriptor, SupportedFormat } from "../descriptor.ts";

const formats = (name: string, versions: readonly string[], priority: number): SupportedFormat[] =>
  versions.map((version) => ({ name, version, autoSelect: true, priority }));

/** Restricted, as a user that the image knows. */
const asUser = (runAsUser: number): Json => ({
  allowPrivilegeEscalation: false,
  privileged: false,
  runAsNonRoot: true,
  runAsUser,
  capabilities: { drop: ["ALL"] },
});

export const mlserver: RuntimeDescriptor = {
  name: "kserve-mlserver",
  serverType: "mlserver",
  formats: [
    ...formats("sklearn", ["0", "1"], 2),
    ...formats("xgboost", ["1", "2"], 2),
    ...formats("lightgbm", ["3", "4"], 2),
    ...formats("mlflow", ["1", "2"], 1),
  ],
  protocols: ["v2"],
  image: "docker.io/seldonio/mlserver:1.7.1",
  container: {
    env: [
      { name: "MLSERVER_MODEL_IMPLEMENTATION", value: "{{.Labels.modelClass}}" },
      { name: "MLSERVER_HTTP_PORT", value: "8080" },
      { name: "MLSERVER_GRPC_PORT", value: "9000" },
    ],
  },
};

export const triton: RuntimeDescriptor = {
  name: "kserve-tritonserver",
  serverType: "tritonserver",
  formats: [
    ...formats("tensorrt", ["8"], 1),
    ...formats("tensorflow", ["1", "2"], 1),
    ...formats("onnx", ["1"], 1),
    { name: "pytorch", version: "1" },
    ...formats("triton", ["2"], 1),
  ],
  protocols: ["v2", "grpc-v2"],
  image: "nvcr.io/nvidia/tritonserver:23.05-py3",
  args: [
    "tritonserver",
    "--model-store=/mnt/models",
    "--grpc-port=9000",
    "--http-port=8080",
    "--allow-grpc=true",
    "--allow-http=true",
  ],
  metricsPort: 8002,
  securityContext: asUser(1000),
};

export const tensorflowServing: RuntimeDescriptor = {
  name: "kserve-tensorflow-serving",
  serverType: "tensorflow-serving",
  formats: formats("tensorflow", ["1", "2"], 2),
  protocols: ["v1", "grpc-v1"],
  image: "tensorflow/serving:2.6.2",
  command: ["/usr/bin/tensorflow_model_server"],
  args: [
    "--model_name={{.Name}}",
    "--port=9000",
    "--rest_api_port=8080",
    "--model_base_path=/mnt/models",
    "--rest_api_timeout_in_ms=60000",
  ],
  securityContext: asUser(1000),
};

export const torchserve: RuntimeDescriptor = {
  name: "kserve-torchserve",
  serverType: "torchserve",
  formats: formats("pytorch", ["1"], 2),
  protocols: ["v1", "v2", "grpc-v2"],
  image: "pytorch/torchserve-kfs:0.9.0",
  args: [
    "torchserve",
    "--start",
    "--model-store=/mnt/models/model-store",
    "--ts-config=/mnt/models/config/config.properties",
  ],
  container: { env: [{ name: "TS_SERVICE_ENVELOPE", value: "{{.Labels.serviceEnvelope}}" }] },
  metricsPort: 8082,
  securityContext: asUser(1000),
};

/** KServe has it beside the others and does not install it: it would take tensorflow and onnx from their servers. */
export const openvino: RuntimeDescriptor = {
  name: "kserve-openvino",
  serverType: "ovms",
  formats: [
    ...formats("openvino", ["10"], 1),
    ...formats("onnx", ["1"], 2),
    ...formats("tensorflow", ["1"], 3),
    { name: "huggingface", autoSelect: true },
  ],
  protocols: ["v1", "v2", "grpc-v2"],
  image: "openvino/model_server:2025.3.0",
  args: [
    "--model_name={{.Name}}",
    "--model_path=/mnt/models",
    "--port=9000",
    "--rest_port=8080",
    "--file_system_poll_wait_seconds=0",
  ],
  securityContext: asUser(5000),
  isOptional: true,
};
