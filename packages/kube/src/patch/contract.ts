// SPDX-License-Identifier: Apache-2.0
// The signatures of the merge functions, fixed before their implementations: the embedded API server calls these.
import type { AnyObject, ManagedFieldsEntry, StatusCause } from "@serval/api";
import type { TypeSchema } from "../schema/schema.ts";

export type JsonObject = { [key: string]: unknown };

/** RFC 6902. @throws PatchError with Kubernetes' text when an operation does not apply. Never mutates its input. */
export type JsonPatch = (document: unknown, operations: readonly unknown[]) => unknown;
/** RFC 7396. */
export type MergePatch = (document: unknown, patch: unknown) => unknown;
/** Kubernetes' strategic merge, with all directives. @throws PatchError. */
export type StrategicMergePatch = (original: JsonObject, patch: JsonObject, type: TypeSchema) => JsonObject;

export interface ApplyInput {
  /** The stored object with its managedFields; undefined: the apply creates it. */
  readonly live?: AnyObject | undefined;
  /** What the user sent. */
  readonly applied: AnyObject;
  readonly type: TypeSchema;
  readonly manager: string;
  readonly force: boolean;
  readonly subresource?: string | undefined;
  readonly now: Date;
  /** Runs on the merged object once ownership is decided, where kube-apiserver runs it: schema and built-in defaults. */
  readonly complete?: ((object: AnyObject) => AnyObject) | undefined;
  /** Field paths that this endpoint ignores, so that nobody comes to own them here: `[["status"]]` on a main resource. */
  readonly reset?: readonly (readonly string[])[] | undefined;
  /** The object in another API version, where a manager's entry has one. Absent or undefined: that version is gone. */
  readonly convert?: ConvertVersion | undefined;
}

/** With `type`, the schema of the version converted to. */
export type ConvertVersion = (
  object: AnyObject,
  apiVersion: string,
) => { object: AnyObject; type: TypeSchema } | undefined;

/** `conflicts` non-empty: nothing may be stored; the causes are those of Kubernetes' 409 (`FieldManagerConflict`). */
export interface ApplyOutput {
  readonly object: AnyObject;
  readonly conflicts: readonly StatusCause[];
  /** The message of Kubernetes' 409; undefined without conflicts. */
  readonly message?: string | undefined;
}

export type ServerSideApply = (input: ApplyInput) => ApplyOutput;

/** managedFields after a non-apply write (create, update, patch): `next` already has its final content. */
export type TrackUpdate = (input: {
  readonly live?: AnyObject | undefined;
  readonly next: AnyObject;
  readonly type: TypeSchema;
  readonly manager: string;
  readonly subresource?: string | undefined;
  readonly now: Date;
  readonly reset?: ApplyInput["reset"];
  readonly convert?: ApplyInput["convert"];
}) => ManagedFieldsEntry[] | undefined;

/** One finding of schema validation, as Kubernetes words it. */
export interface FieldError {
  /** Kubernetes field path: `spec.containers[0].image`, `metadata.labels[a/b]`. */
  readonly path: string;
  /** The `reason` of a StatusCause: FieldValueRequired, FieldValueInvalid, FieldValueTypeInvalid, FieldValueNotSupported, … */
  readonly reason: string;
  /** Kubernetes' text without the path: `Invalid value: "x": must be …`. */
  readonly message: string;
}

/** Removes fields that the schema does not know; `unknown` are their paths, in Kubernetes' spelling. */
export type Prune = (object: AnyObject, type: TypeSchema) => { object: AnyObject; unknown: string[] };
/** Fills `default`s, deeply; never over a present value; null where not nullable counts as absent. */
export type ApplyDefaults = (object: AnyObject, type: TypeSchema) => AnyObject;
export type ValidateSchema = (object: AnyObject, type: TypeSchema) => FieldError[];
