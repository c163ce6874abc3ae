// SPDX-License-Identifier: Apache-2.0
// Containers that end: what their last words mean, or just those words. Pure.
// Source of the texts: vLLM, transformers, PyTorch, NCCL, llama.cpp, ModelMesh, Serval's own engines.
import { containerNames } from "@serval/api";
import { causeOf, type Pattern, patternFor, podName, type Rule, words, workloadOf } from "./cause.ts";
import { type FailedContainer, failedContainers } from "./containers.ts";
import { downloadPatterns, downloadVerdict, uriOf } from "./downloads.ts";
import { type Evidence, eventsOf, logName } from "./evidence.ts";
import { isAboutSharedMemory } from "./shared-memory.ts";

const patterns: readonly Pattern[] = [
  { pattern: /OPENAI_API_KEY|api[-_ ]?key (is )?(required|missing|must be set)/i, reason: "ApiKeyRequired" },
  {
    pattern: /CUDA out of memory|OutOfMemoryError: CUDA|No available memory for the cache blocks|HIP out of memory/i,
    reason: "GpuOutOfMemory",
  },
  {
    pattern:
      /No CUDA GPUs are available|Found no NVIDIA driver|CUDA driver version is insufficient|no CUDA-capable device/i,
    reason: "DeviceMissing",
    fix: "Add nvidia.com/gpu to resources.limits of the model, and run the GPU operator on its node",
  },
  {
    pattern:
      /is not an? [\w.-]+( model)? (model )?that can be read|is not an? (XGBoost|ONNX|GGUF|LightGBM|PMML)|ONNX Runtime refused|invalid load key|UnpicklingError|no (readable )?model file|No model file|wrong magic|invalid magic|not a GGUF|Protobuf parsing failed|INVALID_PROTOBUF|Unrecognized model|does not appear to have a file named|not a valid (JSON|model)|no file ending in|There is no file|no (\.\w+,? ?)+ ?file in/i,
    reason: "WrongFormat",
  },
  { pattern: /MODEL_NOT_LOADED/, reason: "ModelNotLoaded" },
];

/** Of vLLM and others that download by themselves; plain network words say too little in a server's log. */
const ownDownloads = downloadPatterns.filter(({ reason }) => ["GatedModel", "StorageFull"].includes(reason));
const hubFailure = /huggingface\.co|hf_hub|HfHubHTTPError|RepositoryNotFoundError/i;

const lastWords = (evidence: Evidence, { pod, status, end }: FailedContainer): string =>
  words(end.message) || words(evidence.details.logs?.get(logName(podName(pod), status.name)));

/** What the probe saw that made the kubelet kill the container. */
function killedByProbe(evidence: Evidence, { pod, end }: FailedContainer): { kind: string; text: string } | undefined {
  if (end.exitCode !== 137 && end.exitCode !== 143) return undefined;
  for (const { reason, message = "" } of eventsOf(evidence, podName(pod))) {
    const kind = reason === "Unhealthy" ? /^(Liveness|Startup) probe/.exec(message)?.[1] : undefined;
    if (kind !== undefined) return { kind, text: message };
  }
  return undefined;
}

/** Of the file that a server found instead of its own. */
const formats: readonly (readonly [RegExp, string])[] = [
  [/\.(joblib|pkl|pickle)\b/, "sklearn"],
  [/\.(bst|ubj)\b/, "xgboost"],
  [/\.onnx\b/, "onnx"],
  [/\.(gguf|safetensors)\b/, "huggingface"],
  [/\.(savedmodel|pb)\b/, "tensorflow"],
  [/\.(pt|pth|mar)\b/, "pytorch"],
  [/\.pmml\b/, "pmml"],
];
function formatOf(text: string): string | undefined {
  const held = /\bholds (.*)$/m.exec(text)?.[1] ?? "";
  return formats.find(([pattern]) => pattern.test(held))?.[1];
}

function meaningOf(text: string, evidence: Evidence): Pattern | undefined {
  if (isAboutSharedMemory(text)) return { pattern: /./, reason: "SharedMemoryTooSmall" };
  const found = patternFor(patterns, text) ?? patternFor(ownDownloads, text);
  if (found?.reason === "WrongFormat") {
    const format = evidence.isvc.spec.predictor.model?.modelFormat?.name;
    const uri = uriOf(evidence.isvc);
    const where = uri === undefined ? "the model's files" : `what lies at ${uri}`;
    const fits = formatOf(text);
    const wanted = fits === undefined || fits === format ? "what the files are" : fits;
    return { ...found, fix: `Set modelFormat (now ${format ?? "none"}) to ${wanted}, or correct ${where}` };
  }
  if (found !== undefined || !hubFailure.test(text)) return found;
  const { reason, fix } = downloadVerdict(text, evidence);
  return reason === "DownloadFailed"
    ? undefined
    : { pattern: hubFailure, reason, ...(fix === undefined ? {} : { fix }) };
}

export const crashes: Rule = function* (evidence) {
  for (const failed of failedContainers(evidence.pods)) {
    const { pod, status, end } = failed;
    if (end.reason === "OOMKilled" || status.name === containerNames.storageInitializer) continue;
    const of = workloadOf(pod);
    const probe = killedByProbe(evidence, failed);
    if (probe !== undefined) {
      const reason = probe.kind === "Liveness" ? "LivenessProbeFailed" : "StartupProbeFailed";
      yield causeOf(reason, {
        message: `Container ${status.name} of pod ${podName(pod)} was restarted: ${words(probe.text)}`,
        of,
      });
      continue;
    }
    const said = lastWords(evidence, failed);
    const found = meaningOf(said, evidence);
    const isFirst = status.name === containerNames.model && status.restartCount === 0;
    yield causeOf(found?.reason ?? (isFirst ? "ModelLoadFailed" : "CrashLoop"), {
      message: `Container ${status.name} of pod ${podName(pod)} ended with exit code ${end.exitCode}: ${said || "it left no message"}`,
      of,
      fix:
        found === undefined
          ? `Read its last words: kubectl logs ${podName(pod)} -c ${status.name} --previous`
          : found.fix,
    });
  }
};
