// SPDX-License-Identifier: Apache-2.0
// Language models as GGUF files in llama.cpp. It also answers to the formats of vLLM's runtime, whose flags it accepts,
// so that YAML written for vLLM starts a GGUF model without a change of its arguments.
import { ownServer, type RuntimeDescriptor } from "../descriptor.ts";

export const servalLlamaCpp: RuntimeDescriptor = ownServer({
  name: "serval-llamacpp",
  serverType: "llamacpp",
  formats: [
    { name: "gguf", version: "1" },
    { name: "llamacpp", version: "1" },
    // Only when the runtime is named: kserve-huggingfaceserver and kserve-vllmserver keep their formats.
    { name: "huggingface", version: "1", autoSelect: false },
    { name: "vLLM", version: "1", autoSelect: false },
  ],
  framework: "gguf",
  requests: { cpu: "500m", memory: "512Mi" },
  limits: { cpu: "2", memory: "4Gi" },
});
