// SPDX-License-Identifier: Apache-2.0
// Defaulting and validation as admission plugins: the embedded API server calls them in process, a webhook server wraps
// them on a cluster. Names are KServe's, since they are part of the message that clients see.
import {
  type AnyObject,
  defaultInferenceService,
  type InferenceService,
  inferenceServiceFindings,
  inferenceServices,
  inferenceServiceWarnings,
  type ResourceType,
  type ServingConfig,
  type ServingRuntime,
  servingFinalizer,
  servingGroup,
  servingRuntimeFindings,
} from "@serval/api";
import type { AdmissionPlugin, AdmissionRequest } from "@serval/kube";
import { denial } from "./denial.ts";

export interface AdmissionDeps {
  /** The snapshot in force. */
  readonly config: () => ServingConfig;
  /** Every runtime of this kind (and namespace) that is stored. */
  readonly runtimes: (kind: string, namespace: string | undefined) => readonly ServingRuntime[];
}

/** CREATE and UPDATE of the object itself; statuses are never checked. */
const isWrite = ({ operation, subresource }: Pick<AdmissionRequest, "operation" | "subresource">): boolean =>
  operation !== "DELETE" && (subresource === undefined || subresource === "");

const isType = (resource: ResourceType, plural: string): boolean =>
  resource.group === servingGroup && resource.plural === plural;

const cast = <T>(object: AnyObject | undefined): T => object as unknown as T;

/** KServe's controller adds it with a call of its own; here it costs none. */
function withFinalizer(isvc: InferenceService): InferenceService {
  const finalizers = isvc.metadata.finalizers ?? [];
  if (finalizers.includes(servingFinalizer)) return isvc;
  return { ...isvc, metadata: { ...isvc.metadata, finalizers: [...finalizers, servingFinalizer] } };
}

function defaulter({ config }: AdmissionDeps): AdmissionPlugin {
  return {
    name: "inferenceservice.kserve-webhook-server.defaulter",
    phase: "mutate",
    handles: (request) => isWrite(request) && isType(request.resource, inferenceServices.plural),
    admit: async ({ object, operation }) => {
      const isvc = defaultInferenceService(cast<InferenceService>(object), config());
      return { object: cast<AnyObject>((operation === "CREATE" ? withFinalizer(isvc) : isvc) as never) };
    },
  };
}

function inferenceServiceValidator(): AdmissionPlugin {
  return {
    name: "inferenceservice.kserve-webhook-server.validator",
    phase: "validate",
    handles: (request) => isWrite(request) && isType(request.resource, inferenceServices.plural),
    admit: async ({ object, oldObject }) => {
      const next = cast<InferenceService>(object);
      // What is being deleted only loses its finalizers; refusing that would keep it for ever.
      if (next.metadata.deletionTimestamp !== undefined) return {};
      const previous = oldObject === undefined ? undefined : cast<InferenceService>(oldObject);
      return { ...denial(inferenceServiceFindings(next, previous)), warnings: inferenceServiceWarnings(next) };
    },
  };
}

function runtimeValidator(kind: string, { runtimes }: AdmissionDeps): AdmissionPlugin {
  const singular = kind.toLowerCase();
  return {
    name: `${singular}.kserve-webhook-server.validator`,
    phase: "validate",
    handles: (request) => isWrite(request) && isType(request.resource, `${singular}s`),
    admit: async ({ object, oldObject, namespace }) => {
      const next = cast<ServingRuntime>(object);
      const previous = oldObject === undefined ? undefined : cast<ServingRuntime>(oldObject);
      const others = runtimes(kind, kind === "ServingRuntime" ? namespace : undefined);
      const found = servingRuntimeFindings(next, others, previous);
      const old = previous === undefined ? [] : servingRuntimeFindings(previous, others);
      return denial(found.filter(({ message }) => !old.some((finding) => finding.message === message)));
    },
  };
}

/** In the order in which an API server asks them. */
export const admissionPlugins = (deps: AdmissionDeps): AdmissionPlugin[] => [
  defaulter(deps),
  inferenceServiceValidator(),
  runtimeValidator("ServingRuntime", deps),
  runtimeValidator("ClusterServingRuntime", deps),
];
