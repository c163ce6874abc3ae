// SPDX-License-Identifier: Apache-2.0
// Rule 4 of KServe's validator: what a workerSpec may say.
import type { Container } from "@serval/api/core/index.ts";
import type { Finding } from "@serval/api/errors/index.ts";
import { containerNames } from "@serval/api/serving/names.ts";
import { annotationOf, finding, none, type Rule } from "./rule.ts";

const plainResources: ReadonlySet<string> = new Set(["cpu", "memory", "storage", "ephemeral-storage"]);
export const gpuResources: readonly string[] = ["nvidia.com/gpu", "amd.com/gpu", "intel.com/gpu", "habana.ai/gaudi"];

/** undefined: the annotation is not a JSON array of strings. */
export function gpuResourceTypes(annotation: string | undefined): readonly string[] | undefined {
  if (annotation === undefined) return gpuResources;
  try {
    const extra: unknown = JSON.parse(annotation);
    return Array.isArray(extra) ? [...gpuResources, ...extra.map(String)] : undefined;
  } catch {
    return undefined;
  }
}

export function hasUnknownGpu(container: Pick<Container, "resources">, known: readonly string[]): boolean {
  const { limits = {}, requests = {} } = container.resources ?? {};
  return [...Object.keys(limits), ...Object.keys(requests)].some(
    (name) => !plainResources.has(name) && !known.includes(name),
  );
}

const unknownGpu =
  "Unknown GPU resource type. Set 'serving.kserve.io/gpu-resource-types' annotation to use custom gpu resource type";

export const validWorkerSpec: Rule = (isvc) => {
  const { predictor } = isvc.spec ?? {};
  const worker = predictor?.workerSpec;
  if (worker === undefined) return none;
  const at = (path: string, text: string): Finding =>
    finding("InvalidWorkerSpec", path, `the InferenceService "${isvc.metadata.name}" is invalid: ${text}`);
  const found: Finding[] = [];
  const known = gpuResourceTypes(annotationOf(isvc, "gpuResourceTypes"));
  if (known === undefined)
    found.push(
      at(
        "metadata.annotations[serving.kserve.io/gpu-resource-types]",
        `invalid GPU format(${annotationOf(isvc, "gpuResourceTypes")}) for serving.kserve.io/gpu-resource-types annotation: must be a valid JSON array`,
      ),
    );
  if ((worker.containers?.length ?? 0) > 1)
    found.push(at("spec.predictor.workerSpec.containers", "setting multiple containers in workerSpec is not allowed"));
  found.push(...headFindings(isvc, known ?? gpuResources, at));
  for (const [field, title] of [
    ["pipelineParallelSize", "PipelineParallelSize"],
    ["tensorParallelSize", "TensorParallelSize"],
  ] as const) {
    const size = worker[field];
    if (size !== undefined && size < 1)
      found.push(at(`spec.predictor.workerSpec.${field}`, `WorkerSpec.${title} cannot be less than 1(${size})`));
  }
  const [first] = worker.containers ?? [];
  if (first !== undefined && hasUnknownGpu(first, known ?? gpuResources))
    found.push(at("spec.predictor.workerSpec.containers[0].resources", unknownGpu));
  return found;
};

function headFindings(
  isvc: Parameters<Rule>[0],
  known: readonly string[],
  at: (path: string, text: string) => Finding,
): Finding[] {
  const model = isvc.spec.predictor.model;
  if (model === undefined) return none;
  const found: Finding[] = [];
  for (const name of ["PIPELINE_PARALLEL_SIZE", "TENSOR_PARALLEL_SIZE"])
    if (model.env?.some((entry) => entry.name === name) === true)
      found.push(at("spec.predictor.model.env", `setting ${name} in environment variables is not allowed`));
  if (hasUnknownGpu(model, known)) found.push(at("spec.predictor.model.resources", unknownGpu));
  const uri = model.storageUri;
  const scheme = uri?.split("://")[0] ?? "";
  if (uri === undefined)
    found.push(at("spec.predictor.model.storageUri", "StorageURI must be set for multinode enabled"));
  else if (scheme !== "pvc" && scheme !== "oci")
    found.push(
      at("spec.predictor.model.storageUri", `Multinode only supports 'pvc' and 'oci' Storage Protocol(${scheme})`),
    );
  const autoscaler = annotationOf(isvc, "autoscalerClass");
  if (autoscaler !== undefined && autoscaler !== "none")
    found.push(
      at(
        "metadata.annotations[serving.kserve.io/autoscalerClass]",
        `Multinode only supports 'none' autoscaler(${autoscaler})`,
      ),
    );
  return found;
}

/** The container whose GPUs count, for error texts of runtimes. */
export const workerContainerName = containerNames.worker;
