// SPDX-License-Identifier: Apache-2.0
// Refusals, in Kubernetes' own words: kubectl, controllers and people match on these texts and reasons.
// Source: k8s.io/apimachinery/pkg/api/errors/errors.go
import type { ResourceType, Status, StatusCause } from "@serval/api";
import { ApiError } from "@serval/kube";
import type { FieldError } from "@serval/kube/patch/contract";
import { StoreError } from "../store/store.ts";

type Named = Pick<ResourceType, "group" | "plural" | "kind">;

interface Refusal {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly details?: Status["details"];
}

export const refusal = ({ code, reason, message, details }: Refusal): ApiError =>
  new ApiError({
    apiVersion: "v1",
    kind: "Status",
    metadata: {},
    status: "Failure",
    message,
    reason,
    ...(details === undefined ? {} : { details }),
    code,
  } as Status);

/** `deployments.apps`, `pods`. */
export const qualified = ({ group, plural }: Pick<Named, "group" | "plural">): string =>
  group === "" ? plural : `${plural}.${group}`;

const details = (type: Named, name: string, causes?: readonly StatusCause[]): NonNullable<Status["details"]> =>
  ({
    name,
    ...(type.group === "" ? {} : { group: type.group }),
    kind: type.plural,
    ...(causes === undefined ? {} : { causes }),
  }) as NonNullable<Status["details"]>;

export const notFound = (type: Named, name: string): ApiError =>
  refusal({
    code: 404,
    reason: "NotFound",
    message: `${qualified(type)} "${name}" not found`,
    details: details(type, name),
  });

export const alreadyExists = (type: Named, name: string): ApiError =>
  refusal({
    code: 409,
    reason: "AlreadyExists",
    message: `${qualified(type)} "${name}" already exists`,
    details: details(type, name),
  });

export const objectModified =
  "the object has been modified; please apply your changes to the latest version and try again";

export const conflict = (type: Named, name: string, why = objectModified): ApiError =>
  refusal({
    code: 409,
    reason: "Conflict",
    message: `Operation cannot be fulfilled on ${qualified(type)} "${name}": ${why}`,
    details: details(type, name),
  });

export const forbidden = (type: Named, name: string, why: string, causes?: readonly StatusCause[]): ApiError =>
  refusal({
    code: 403,
    reason: "Forbidden",
    message: `${qualified(type)} ${JSON.stringify(name)} is forbidden: ${why}`,
    details: details(type, name, causes),
  });

/** `Deployment.apps "x" is invalid: spec.replicas: Invalid value: -1: …`; several findings in brackets. */
export function invalid(type: Named, name: string, errors: readonly FieldError[]): ApiError {
  const texts = [...new Set(errors.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)))];
  const list = texts.length === 1 ? (texts[0] as string) : `[${texts.join(", ")}]`;
  const kind = type.group === "" ? type.kind : `${type.kind}.${type.group}`;
  const causes = errors.map(({ path, reason, message }) => ({ reason, message, field: path }));
  return refusal({
    code: 422,
    reason: "Invalid",
    message: `${kind} ${JSON.stringify(name)} is invalid: ${list}`,
    details: {
      ...(name === "" ? {} : { name }),
      ...(type.group === "" ? {} : { group: type.group }),
      kind: type.kind,
      causes,
    } as NonNullable<Status["details"]>,
  });
}

export const badRequest = (message: string): ApiError => refusal({ code: 400, reason: "BadRequest", message });

export const unknownResource = (): ApiError =>
  refusal({
    code: 404,
    reason: "NotFound",
    message: "the server could not find the requested resource",
    details: {} as NonNullable<Status["details"]>,
  });

export const methodNotAllowed = (): ApiError =>
  refusal({
    code: 405,
    reason: "MethodNotAllowed",
    message: "the server does not allow this method on the requested resource",
    details: {} as NonNullable<Status["details"]>,
  });

export const unsupportedMediaType = (accepted: readonly string[]): ApiError =>
  refusal({
    code: 415,
    reason: "UnsupportedMediaType",
    message: `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`,
  });

export const expired = (message: string): ApiError => refusal({ code: 410, reason: "Expired", message });

export const tooLarge = (message: string): ApiError =>
  refusal({ code: 413, reason: "RequestEntityTooLarge", message: `Request entity too large: ${message}` });

export const unauthorized = (): ApiError => refusal({ code: 401, reason: "Unauthorized", message: "Unauthorized" });

/** The client asks for a revision that this server has not reached. */
export const revisionAhead = (asked: number, current: number): ApiError =>
  refusal({
    code: 504,
    reason: "Timeout",
    message: `Timeout: Too large resource version: ${asked}, current: ${current}`,
    details: {
      causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
      retryAfterSeconds: 1,
    } as NonNullable<Status["details"]>,
  });

/** @param wayOut what the user can do instead. */
export const notServed = (what: string, wayOut: string): ApiError =>
  refusal({
    code: 501,
    reason: "NotImplemented",
    message: `${what} is not yet served here (embedded Serval API server); ${wayOut}`,
  });

/** 409 of a server-side apply. Source: managedfields/internal/conflict.go */
export function applyConflict(causes: readonly StatusCause[]): ApiError {
  const owner = (cause: StatusCause): string => (cause.message ?? "").replace(/^conflict with /, "");
  const [only] = causes;
  let message: string;
  if (causes.length === 1 && only !== undefined) {
    message = `Apply failed with 1 conflict: conflict with ${owner(only)}: ${only.field}`;
  } else {
    const lines = [...new Set(causes.map(owner))].sort().flatMap((manager) => {
      const fields = causes.filter((cause) => owner(cause) === manager).map(({ field }) => `- ${field}`);
      return [`conflicts with ${manager}:`, ...fields];
    });
    message = `Apply failed with ${causes.length} conflicts: ${lines.join("\n")}`;
  }
  return refusal({
    code: 409,
    reason: "Conflict",
    message,
    details: { causes } as NonNullable<Status["details"]>,
  });
}

/** Anything thrown, as the Status that the client sees. Bugs show no text of theirs: it could hold a secret. */
export function statusOf(error: unknown): Status {
  if (error instanceof ApiError) return error.status;
  // The store's own words say what to do; nothing was changed, so a client may try again.
  if (error instanceof StoreError)
    return refusal({ code: 507, reason: "InsufficientStorage", message: error.message }).status;
  return refusal({
    code: 500,
    reason: "InternalError",
    message: "Internal error occurred: the request failed for a reason that the server's log names",
  }).status;
}
