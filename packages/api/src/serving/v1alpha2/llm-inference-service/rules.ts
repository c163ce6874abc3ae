// SPDX-License-Identifier: Apache-2.0
// What an LLMInferenceService must be beyond its schema and its CEL rules. Texts are KServe's
// (pkg/apis/serving/v1alpha2/llm_inference_service_validation.go), in its order.
import type { Finding } from "@serval/api/errors/index.ts";
import type { LlmAdapter, LlmInferenceService, LlmInferenceServiceConfig, LlmInferenceServiceSpec } from "./schema.ts";
import type { LlmParallelism, LlmWorkload } from "./workload-schema.ts";

/** A finding in the form of Kubernetes' field errors. */
export type LlmFinding = Finding;

/** Go writes maps sorted and structs in the order of their fields, which is mostly the user's. */
const goMaps: ReadonlySet<string> = new Set([
  "limits",
  "requests",
  "labels",
  "annotations",
  "matchLabels",
  "nodeSelector",
]);

const shown = (value: unknown): string =>
  JSON.stringify(value, (key, field: unknown) =>
    goMaps.has(key) && typeof field === "object" && field !== null
      ? Object.fromEntries(Object.entries(field).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  ) ?? "null";
const invalid = (path: string, value: unknown, text: string): LlmFinding => ({
  reason: "InvalidLlmService",
  path,
  message: `Invalid value: ${shown(value)}: ${text}`,
});

type Part = (spec: LlmInferenceServiceSpec) => LlmFinding[];

const routes: Part = ({ router }) => {
  const http = router?.route?.http;
  const refs = http?.refs ?? [];
  const found: LlmFinding[] = [];
  const at = "spec.router.route.http";
  if (refs.length > 0 && http?.spec !== undefined)
    found.push(
      invalid(
        at,
        http,
        `unsupported configuration: cannot use both custom HTTPRoute refs ('${at}.refs') and an inline route spec ('${at}.spec'); choose one`,
      ),
    );
  const isManaged = router?.gateway !== undefined && (router.gateway.refs ?? []).length === 0;
  if (refs.length > 0 && isManaged)
    found.push(
      invalid(
        `${at}.refs`,
        refs,
        `unsupported configuration: custom HTTP routes ('${at}.refs') cannot be used with a managed gateway ('spec.router.gateway'); either remove '${at}.refs' or set 'spec.router.gateway.refs'`,
      ),
    );
  if (refs.length > 0 && (router?.route?.group ?? "") !== "")
    found.push(
      invalid(
        "spec.router.route.group",
        router?.route?.group,
        "traffic splitting cannot be used with custom HTTPRoute refs; controller-managed routes (route.http.spec or route.http: {}) are required",
      ),
    );
  return found;
};

const scheduler: Part = ({ router }) => {
  const { replicas, config } = router?.scheduler ?? {};
  const at = "spec.router.scheduler";
  return [
    ...(replicas !== undefined && replicas <= 0
      ? [invalid(`${at}.replicas`, replicas, "scheduler replicas must be greater than zero")]
      : []),
    ...(config !== undefined && (config.inline === undefined) === (config.ref === undefined)
      ? [invalid(`${at}.config`, config, "either inline or ref is required")]
      : []),
  ];
};

/** In the order of KServe's Go type, as its messages show it. */
function ordered({ tensor, pipeline, data, dataLocal, dataRPCPort, expert }: LlmParallelism): LlmParallelism {
  return { tensor, pipeline, data, dataLocal, dataRPCPort, expert };
}

function parallelismFindings(at: string, { parallelism, worker }: LlmWorkload): LlmFinding[] {
  const { pipeline, data, dataLocal } = parallelism ?? {};
  const found: LlmFinding[] = [];
  const hasData = data !== undefined || dataLocal !== undefined;
  const path = `${at}.parallelism`;
  if (worker !== undefined && pipeline === undefined && !hasData)
    found.push(
      invalid(
        `${at}.worker`,
        worker,
        "when worker is specified, parallelism must be configured for either data parallelism or pipeline parallelism",
      ),
    );
  if (parallelism === undefined) return found;
  if (pipeline !== undefined && hasData)
    found.push(
      invalid(
        path,
        ordered(parallelism),
        "cannot set both pipeline parallelism and data parallelism (data or dataLocal) simultaneously",
      ),
    );
  if (data !== undefined && dataLocal === undefined)
    found.push(invalid(`${path}.dataLocal`, dataLocal, "dataLocal must be set when data is set"));
  if (dataLocal !== undefined && data === undefined)
    found.push(invalid(`${path}.data`, data, "data must be set when dataLocal is set"));
  return found;
}

const isZero = (value: string | number | undefined): boolean => value === 0 || value === "0" || value === "0%";

function rolloutFindings(at: string, { rolloutStrategy, worker }: LlmWorkload): LlmFinding[] {
  if (rolloutStrategy === undefined) return [];
  const { maxUnavailable, maxSurge } = rolloutStrategy;
  const path = `${at}.rolloutStrategy`;
  if (isZero(maxUnavailable) && isZero(maxSurge))
    return [
      invalid(
        path,
        rolloutStrategy,
        "maxUnavailable and maxSurge cannot both be zero; this would prevent any rolling update progress",
      ),
    ];
  if (worker !== undefined && isZero(maxUnavailable) && maxSurge === undefined)
    return [
      invalid(
        path,
        rolloutStrategy,
        "maxSurge is required for multi-node workloads when maxUnavailable is 0, otherwise no rolling update progress is possible",
      ),
    ];
  return [];
}

const workloads: Part = (spec) => [
  ...parallelismFindings("spec", spec),
  ...rolloutFindings("spec", spec),
  ...(spec.prefill === undefined
    ? []
    : [...parallelismFindings("spec.prefill", spec.prefill), ...rolloutFindings("spec.prefill", spec.prefill)]),
];

function adapterText({ name = "" }: LlmAdapter, base: string | undefined): string | undefined {
  if (name === "") return "adapter name is required";
  if (name.split("/").some((part) => part === "." || part === ".."))
    return 'adapter name must not include "." or ".." (path traversal risk)';
  return name === base ? `adapter name must differ from base model name ${JSON.stringify(base)}` : undefined;
}

const adapters: Part = ({ model }) => {
  const list: unknown = model?.lora?.adapters;
  if (list === undefined) return [];
  const at = "spec.model.lora.adapters";
  if (!Array.isArray(list)) return [invalid(at, list, "adapters must be a list")];
  const seen = new Set<string>();
  return list.flatMap((adapter: LlmAdapter, index): LlmFinding[] => {
    const path = `${at}[${index}].name`;
    const text = adapterText(adapter, model?.name);
    if (text !== undefined) return [invalid(path, adapter.name ?? "", text)];
    const name = adapter.name ?? "";
    if (seen.has(name))
      return [{ reason: "InvalidLlmService", path, message: `Duplicate value: ${JSON.stringify(name)}` }];
    seen.add(name);
    return [];
  });
};

const parts: readonly Part[] = [routes, workloads, scheduler, adapters];

/** How many pods make one replica, times what is split between them. */
const totalSize = ({ pipeline, data, dataLocal = 1 }: LlmParallelism = {}): number =>
  pipeline ?? Math.max(1, Math.trunc((data ?? 1) / dataLocal));

function sizeFinding(next: LlmInferenceService, previous: LlmInferenceService): LlmFinding[] {
  const [before, now] = [totalSize(specOf(previous).parallelism), totalSize(specOf(next).parallelism)];
  if (before === now || specOf(next).worker === undefined || specOf(previous).worker === undefined) return [];
  return [
    invalid(
      "spec.parallelism",
      ordered(next.spec.parallelism ?? {}),
      `total parallelism size is immutable, previous size ${before}, curr size ${now}`,
    ),
  ];
}

/** The CRD lets an object without spec through (KServe). */
const specOf = ({ spec }: LlmInferenceService): LlmInferenceServiceSpec => spec ?? {};
const all = (service: LlmInferenceService): LlmFinding[] => parts.flatMap((part) => part(specOf(service)));

const identity = ({ path, message }: LlmFinding): string => `${path}\0${message}`;

/** On update, what the stored object has too is left out. */
export function llmInferenceServiceFindings(next: LlmInferenceService, previous?: LlmInferenceService): LlmFinding[] {
  const found = all(next);
  if (previous === undefined) return found;
  const old = new Set(all(previous).map(identity));
  return [...found.filter((finding) => !old.has(identity(finding))), ...sizeFinding(next, previous)];
}

export function llmConfigFindings({ spec }: LlmInferenceServiceConfig): LlmFinding[] {
  if ((spec?.baseRefs ?? []).length === 0) return [];
  return [
    {
      reason: "InvalidLlmService",
      path: "spec.baseRefs",
      message:
        "Forbidden: baseRefs is not a permitted field in LLMInferenceServiceConfig, support for recursive refs has been disabled",
    },
  ];
}

/** Presets that the controller installs in its own namespace; versioned names begin so too. */
const presetPrefix = "kserve-config-llm-";

export const isLlmPreset = (config: LlmInferenceServiceConfig, systemNamespace: string): boolean =>
  config.metadata.namespace === systemNamespace && config.metadata.name.startsWith(presetPrefix);

const placeOf = ({ metadata }: LlmInferenceServiceConfig): string => `${metadata.namespace}/${metadata.name}`;
export const presetDeletionWarning = (config: LlmInferenceServiceConfig): string =>
  `deleting well-known config ${placeOf(config)} is not recommended`;
export const presetEditWarning = (config: LlmInferenceServiceConfig): string =>
  `modifying well-known config ${placeOf(config)} is not recommended. Consider creating a custom config instead`;
