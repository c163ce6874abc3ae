// SPDX-License-Identifier: Apache-2.0
// Admission as functions: the embedded API server calls them in process, a webhook server wraps them on a cluster.
import type { AnyObject, ResourceType, StatusCause } from "@serval/api";
import type { UserInfo } from "./transport.ts";

export interface AdmissionRequest {
  readonly operation: "CREATE" | "UPDATE" | "DELETE";
  readonly resource: ResourceType;
  readonly namespace?: string | undefined;
  readonly name: string;
  /** After decoding and schema defaulting. Absent on DELETE. Must not be mutated. */
  readonly object?: AnyObject;
  readonly oldObject?: AnyObject;
  readonly subresource?: string;
  readonly user: UserInfo;
  readonly dryRun: boolean;
}

export interface AdmissionResult {
  /** The mutated object; absent: unchanged. */
  readonly object?: AnyObject;
  /** Present: refused. `message` is what kubectl prints after its own prefix. */
  readonly denied?: { code: number; reason: string; message: string; causes?: readonly StatusCause[] };
  readonly warnings?: readonly string[];
}

/** `mutate` plugins run first, in order; then the object is validated against its schema; then `validate` plugins. */
export interface AdmissionPlugin {
  /** As in Kubernetes' message: `admission webhook "<name>" denied the request: …`. */
  readonly name: string;
  readonly phase: "mutate" | "validate";
  handles(request: Pick<AdmissionRequest, "resource" | "operation" | "subresource">): boolean;
  admit(request: AdmissionRequest): Promise<AdmissionResult>;
}
