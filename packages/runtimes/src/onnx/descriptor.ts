// SPDX-License-Identifier: Apache-2.0
// ONNX models in ONNX Runtime, a heavy engine that is fetched when the first ONNX model is served.
import { kserveArgs, type RuntimeDescriptor, SERVAL_IMAGE } from "../descriptor.ts";

export const servalOnnx: RuntimeDescriptor = {
  name: "serval-onnx",
  serverType: "onnxserver",
  formats: [{ name: "onnx", version: "1", autoSelect: true, priority: 3 }],
  protocols: ["v1", "v2"],
  image: SERVAL_IMAGE,
  args: [...kserveArgs, "--framework=onnx"],
  requests: { cpu: "100m", memory: "256Mi" },
};
