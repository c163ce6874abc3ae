// SPDX-License-Identifier: Apache-2.0
// Language models as GGUF files in llama.cpp. It also answers to the formats of vLLM's runtime, whose flags it accepts,
// so that YAML written for vLLM starts a GGUF model without a change of its arguments.
import { kserveArgs, type RuntimeDescriptor, SERVAL_IMAGE } from "../descriptor.ts";

export const servalLlamaCpp: RuntimeDescriptor = {
  name: "serval-llamacpp",
  serverType: "llamacpp",
  formats: [
    { name: "gguf", version: "1", autoSelect: true, priority: 3 },
    { name: "llamacpp", version: "1", autoSelect: true, priority: 3 },
    // Only when the runtime is named: a cluster's kserve-huggingfaceserver and kserve-vllmserver keep their formats.
    { name: "huggingface", version: "1", autoSelect: false },
    { name: "vLLM", version: "1", autoSelect: false },
  ],
  protocols: ["v1", "v2"],
  image: SERVAL_IMAGE,
  args: [...kserveArgs, "--framework=gguf"],
  requests: { cpu: "500m", memory: "512Mi" },
  limits: { cpu: "2", memory: "4Gi" },
};
