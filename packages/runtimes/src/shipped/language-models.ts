// SPDX-License-Identifier: Apache-2.0
// Servers of language models, as KServe runs them: Hugging Face, vLLM, and the seed's text-generation-inference.
import { type Json, kserveImage, type RuntimeDescriptor, type SupportedFormat } from "../descriptor.ts";

const shm = (name: string): Json => ({ volumeMounts: [{ name, mountPath: "/dev/shm" }] });
const shmVolume = (name: string) => ({ name, emptyDir: { medium: "Memory" } });
const cache = { name: "LMCACHE_USE_EXPERIMENTAL", value: "True" };
const huggingface = (autoSelect: boolean): SupportedFormat => ({ name: "huggingface", version: "1", autoSelect });

export const huggingfaceServer: RuntimeDescriptor = {
  name: "kserve-huggingfaceserver",
  serverType: "huggingfaceserver",
  formats: [{ ...huggingface(true), priority: 1 }],
  protocols: ["v2", "v1"],
  image: kserveImage("huggingfaceserver"),
  args: ["--model_name={{.Name}}"],
  container: { env: [cache], ...shm("devshm") },
  spec: { hostIPC: false, volumes: [shmVolume("devshm")] },
};

/** Language models load slowly and may compile at the start: half an hour before the kubelet gives up. */
const modelsProbe = (timing: Json): Json => ({
  httpGet: { path: "/v1/models", port: 8080 },
  successThreshold: 1,
  ...timing,
});
/** Their images run as root. */
const rootAllowed: Json = { allowPrivilegeEscalation: false, privileged: false, capabilities: { drop: ["ALL"] } };

export const vllmServer: RuntimeDescriptor = {
  name: "kserve-vllmserver",
  serverType: "vllmserver",
  formats: [
    { name: "vLLM", version: "1", autoSelect: true, priority: 1 },
    // The seed's quick start names this runtime for the format huggingface; KServe's lists only vLLM. Without autoSelect,
    // so that a model that names no runtime goes where KServe sends it.
    huggingface(false),
  ],
  protocols: [],
  image: "vllm/vllm-openai:latest",
  command: ["python", "-m", "vllm.entrypoints.openai.api_server"],
  args: ["--port=8080", "--served-model-name={{.Name}}", "--model=/mnt/models"],
  securityContext: rootAllowed,
  container: {
    env: [
      cache,
      { name: "HF_HOME", value: "/tmp" },
      { name: "VLLM_CONFIG_ROOT", value: "/tmp" },
      { name: "VLLM_WORKER_MULTIPROC_METHOD", value: "spawn" },
    ],
    ...shm("devshm"),
    readinessProbe: modelsProbe({ periodSeconds: 10, failureThreshold: 3, timeoutSeconds: 5 }),
    startupProbe: modelsProbe({ initialDelaySeconds: 30, periodSeconds: 30, failureThreshold: 60, timeoutSeconds: 10 }),
  },
  spec: { hostIPC: false, volumes: [shmVolume("devshm")] },
};

/** Of the seed; KServe v0.20 has none. It speaks OpenAI, for which there is no protocol name: none listed means any. */
export const tgiServer: RuntimeDescriptor = {
  name: "kserve-tgiserver",
  serverType: "tgiserver",
  formats: [huggingface(false)],
  protocols: [],
  image: "ghcr.io/huggingface/text-generation-inference:3.3.7",
  args: ["--model-id=/mnt/models", "--port=8080"],
  securityContext: rootAllowed,
  container: {
    env: [{ name: "HF_HOME", value: "/tmp" }],
    ...shm("devshm"),
    readinessProbe: {
      httpGet: { path: "/health", port: 8080 },
      periodSeconds: 10,
      failureThreshold: 3,
      timeoutSeconds: 5,
    },
    startupProbe: {
      httpGet: { path: "/health", port: 8080 },
      initialDelaySeconds: 30,
      periodSeconds: 30,
      failureThreshold: 60,
      timeoutSeconds: 10,
    },
  },
  spec: { volumes: [shmVolume("devshm")] },
};
