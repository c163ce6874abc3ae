// SPDX-License-Identifier: Apache-2.0
// What a ServingRuntime or ClusterServingRuntime must be. Source: KServe pkg/webhook/admission/servingruntime.
import type { Finding } from "@serval/api/errors/index.ts";
import { annotations, containerNames } from "../../names.ts";
import { gpuResources, gpuResourceTypes, hasUnknownGpu } from "../../v1beta1/inference-service/rules/multi-node.ts";
import type { ServingRuntime, ServingRuntimeSpec } from "./schema.ts";

type Formats = NonNullable<ServingRuntimeSpec["supportedModelFormats"]>;

const resourceOf = ({ kind }: ServingRuntime): string => kind.toLowerCase();
const path = "spec.supportedModelFormats";

function priorityWithin(runtime: ServingRuntime): Finding[] {
  const seen = new Map<string, number | undefined>();
  for (const { name, autoSelect, priority } of runtime.spec.supportedModelFormats ?? []) {
    if (autoSelect !== true) continue;
    if (seen.has(name) && seen.get(name) !== priority) {
      const message = `different priorities assigned for the model format ${name} under the ${resourceOf(runtime)} ${runtime.metadata.name}`;
      return [{ reason: "RuntimePriority", path, message }];
    }
    seen.set(name, priority);
  }
  return [];
}

const isSelectable = (runtime: ServingRuntime): boolean => runtime.spec.disabled !== true;

function sharesProtocol(a: ServingRuntimeSpec, b: ServingRuntimeSpec): boolean {
  const others = b.protocolVersions ?? [];
  return (a.protocolVersions ?? []).some((protocol) => others.includes(protocol));
}

const clashes = (a: Formats[number], b: Formats[number]): boolean =>
  a.autoSelect === true &&
  b.autoSelect === true &&
  a.name.toLowerCase() === b.name.toLowerCase() &&
  a.version === b.version &&
  a.priority !== undefined &&
  a.priority === b.priority;

function priorityBetween(existing: ServingRuntime, next: ServingRuntime): Finding[] {
  const sameGroup =
    isSelectable(existing) &&
    existing.metadata.name !== next.metadata.name &&
    (existing.spec.multiModel ?? false) === (next.spec.multiModel ?? false) &&
    sharesProtocol(existing.spec, next.spec);
  if (!sameGroup) return [];
  const theirs = existing.spec.supportedModelFormats ?? [];
  const clash = (next.spec.supportedModelFormats ?? []).find((mine) => theirs.some((their) => clashes(their, mine)));
  if (clash === undefined) return [];
  const { namespace } = next.metadata;
  const place = namespace === undefined || next.kind === "ClusterServingRuntime" ? "" : ` in namespace ${namespace}`;
  const message = `same priority assigned for the model format ${clash.name} in the ${resourceOf(next)}s ${existing.metadata.name} and ${next.metadata.name}${place}`;
  return [{ reason: "RuntimePriority", path, message }];
}

function invalid(runtime: ServingRuntime, at: string, text: string): Finding {
  const message = `the ${runtime.kind} ${runtime.metadata.name} is invalid: ${text}`;
  return { reason: "InvalidRuntime", path: at, message };
}

function blockedEnvironment(runtime: ServingRuntime): Finding[] {
  const lists = [
    { at: "spec.containers", containers: runtime.spec.containers ?? [] },
    { at: "spec.workerSpec.containers", containers: runtime.spec.workerSpec?.containers ?? [] },
  ];
  return lists.flatMap(({ at, containers }) =>
    containers
      .filter(({ env }) => env?.some(({ name }) => name === "PYTHONPATH") === true)
      .map(({ name }) => ({
        reason: "BlockedEnvironment" as const,
        path: at,
        message: `the ${runtime.kind} "${runtime.metadata.name}" is invalid: setting PYTHONPATH in container "${name}" is not allowed for security reasons`,
      })),
  );
}

function workerFindings(runtime: ServingRuntime, previous: ServingRuntime | undefined): Finding[] {
  const { workerSpec, containers = [] } = runtime.spec;
  const at = "spec.workerSpec";
  if (workerSpec === undefined)
    return previous?.spec.workerSpec === undefined
      ? []
      : [invalid(runtime, at, "removing workerSpec where it already exists is not allowed")];
  const found: Finding[] = [];
  if (workerSpec.containers.length > 1)
    found.push(invalid(runtime, `${at}.containers`, "setting multiple containers in workerSpec is not allowed"));
  const head = containers.find(({ name }) => name === containerNames.model);
  for (const name of ["PIPELINE_PARALLEL_SIZE", "TENSOR_PARALLEL_SIZE"])
    if ([head, workerSpec.containers[0]].some((container) => container?.env?.some((env) => env.name === name) === true))
      found.push(invalid(runtime, "spec.containers", `setting ${name} in environment variables is not allowed`));
  const known = gpuResourceTypes(runtime.spec.annotations?.[annotations.gpuResourceTypes]) ?? gpuResources;
  for (const container of [head, workerSpec.containers[0]])
    if (container !== undefined && hasUnknownGpu(container, known))
      found.push(invalid(runtime, "spec.containers", `unknown GPU resource type in a container(${container.name})`));
  for (const [field, title] of [
    ["pipelineParallelSize", "PipelineParallelSize"],
    ["tensorParallelSize", "TensorParallelSize"],
  ] as const) {
    const size = workerSpec[field];
    if (size !== undefined && size < 1)
      found.push(invalid(runtime, `${at}.${field}`, `the WorkerSpec.${title} cannot be less than 1(${size})`));
  }
  return found;
}

const modelTtl = /^([0-9]+|([0-9]+(\.[0-9]+)?(ms|s|m|h))+)$/;

/** What the schema leaves open because the seed's spellings must get through it. */
function ownFields(runtime: ServingRuntime): Finding[] {
  const { multiModel, modelTTL } = runtime.spec;
  const found: Finding[] = [];
  if (multiModel !== undefined && typeof multiModel !== "boolean")
    found.push(invalid(runtime, "spec.multiModel", "multiModel must be true, false or { replicas }"));
  if (modelTTL !== undefined && !modelTtl.test(`${modelTTL}`))
    found.push(invalid(runtime, "spec.modelTTL", `modelTTL "${modelTTL}" must be seconds, or a duration such as 30m`));
  return found;
}

/** `existing`: the other runtimes of the same kind and, for namespaced ones, namespace. A disabled runtime may be anything. */
export function servingRuntimeFindings(
  next: ServingRuntime,
  existing: readonly ServingRuntime[],
  previous?: ServingRuntime,
): Finding[] {
  // The CRD lets a runtime without spec through (KServe): nothing to check.
  if (next.spec === undefined || !isSelectable(next)) return [];
  const ordered = existing
    .filter(({ spec }) => spec !== undefined)
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  // KServe compares within the loop over existing runtimes, so a first runtime is never compared with itself.
  const priorities = ordered.length === 0 ? [] : priorityWithin(next);
  return [
    ...priorities,
    ...ordered.flatMap((other) => priorityBetween(other, next)),
    ...workerFindings(next, previous),
    ...blockedEnvironment(next),
    ...ownFields(next),
  ];
}
