// SPDX-License-Identifier: Apache-2.0
// ONNX models in ONNX Runtime, a heavy engine that is fetched when the first ONNX model is served.
import { ownServer, type RuntimeDescriptor } from "../descriptor.ts";

export const servalOnnx: RuntimeDescriptor = ownServer({
  name: "serval-onnx",
  serverType: "onnxserver",
  formats: [{ name: "onnx", version: "1" }],
  framework: "onnx",
  requests: { cpu: "100m", memory: "256Mi" },
});
