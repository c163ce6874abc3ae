// SPDX-License-Identifier: Apache-2.0
// LLMInferenceServices and their presets, in both versions: judged in the stored one. Refusals have the form of
// Kubernetes' own (422 with field errors), as KServe's validator of these kinds writes them.
import {
  type AnyObject,
  codeOf,
  defaultLlmInferenceService,
  type Finding,
  fixOf,
  isLlmPreset,
  type KubeObject,
  type LlmInferenceService,
  llmConfigFindings,
  llmFromV1alpha1,
  llmInferenceServiceConfigs,
  llmInferenceServiceFindings,
  llmInferenceServices,
  presetDeletionWarning,
  presetEditWarning,
  servingGroup,
} from "@serval/api";
import type { AdmissionPlugin, AdmissionRequest, AdmissionResult } from "@serval/kube";
import { localModelsFor } from "./local-models.ts";
import {
  type AdmissionDeps,
  cast,
  deletion,
  mutation,
  noController,
  onlyNew,
  type Verdict,
  validation,
  type Write,
} from "./plugin.ts";

const versions = ["v1alpha1", "v1alpha2"] as const;

/** Kubernetes' aggregate of field errors, then codes and ways out. */
function fieldDenial(findings: readonly Finding[], { kind, metadata }: KubeObject): AdmissionResult {
  if (findings.length === 0) return {};
  const errors = findings.map(({ path, message }) => `${path}: ${message}`);
  const list = errors.length === 1 ? errors[0] : `[${errors.join(", ")}]`;
  const lines = findings.map((finding) => `  ${codeOf(finding.reason)} ${finding.path}: ${fixOf(finding)}`);
  return {
    denied: {
      code: 422,
      reason: "Invalid",
      message: [`${kind}.${servingGroup} "${metadata.name}" is invalid: ${list}`, ...lines].join("\n"),
      // kubectl prints only these of an invalid object.
      causes: findings.map(({ path, message, reason, fix }) => ({
        reason: message.startsWith("Duplicate")
          ? "FieldValueDuplicate"
          : message.startsWith("Forbidden")
            ? "FieldValueForbidden"
            : "FieldValueInvalid",
        field: path,
        message: `${message} (${codeOf(reason)}: ${fixOf(fix === undefined ? { reason } : { reason, fix })})`,
      })),
    },
  };
}

const stored = <T extends KubeObject>(object: T): T =>
  object.apiVersion === `${servingGroup}/v1alpha1`
    ? cast<T>(llmFromV1alpha1(cast<AnyObject>(object as never)))
    : object;

type VersionedPlugin = (name: string) => AdmissionPlugin;

/** KServe registers each version under its own name. */
const perVersion = (prefix: string, role: string, make: VersionedPlugin): AdmissionPlugin[] =>
  versions.map((version) => {
    const plugin = make(`${prefix}.kserve-webhook-server.${version}.${role}`);
    const handles = (request: Pick<AdmissionRequest, "resource" | "operation" | "subresource">): boolean =>
      request.resource.version === version && plugin.handles(request);
    return { ...plugin, handles };
  });

function judged({ next, previous }: Write<LlmInferenceService>): Verdict {
  const old = previous === undefined ? undefined : stored(previous);
  return {
    findings: llmInferenceServiceFindings(stored(next), old),
    warnings: previous === undefined ? [noController(next.kind)] : [],
  };
}

export const llmPlugins = (deps: AdmissionDeps): AdmissionPlugin[] => [
  ...perVersion("llminferenceservice", "defaulter", (name) =>
    mutation(name, llmInferenceServices, async ({ next, request }) =>
      defaultLlmInferenceService(next, await localModelsFor(deps, request.namespace)),
    ),
  ),
  ...perVersion("llminferenceservice", "validator", (name) =>
    validation(name, llmInferenceServices, judged, fieldDenial),
  ),
  ...perVersion("llminferenceserviceconfig", "validator", (name) =>
    validation(
      name,
      llmInferenceServiceConfigs,
      ({ next, previous }) => ({
        findings: onlyNew(llmConfigFindings(stored(next)), previous === undefined ? [] : llmConfigFindings(previous)),
        warnings: previous !== undefined && isLlmPreset(next, deps.systemNamespace) ? [presetEditWarning(next)] : [],
      }),
      fieldDenial,
    ),
  ),
  ...perVersion("llminferenceserviceconfig", "validator", (name) =>
    deletion(name, llmInferenceServiceConfigs, (going) => ({
      warnings: isLlmPreset(going, deps.systemNamespace) ? [presetDeletionWarning(going)] : [],
    })),
  ),
];
