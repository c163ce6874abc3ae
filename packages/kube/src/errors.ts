// SPDX-License-Identifier: Apache-2.0
// The one error of a Kubernetes API, as its `Status` object says it.
import type { Status } from "@serval/api";

/** A refusal by an API server. `code` is the HTTP status, `reason` Kubernetes' word for it ("Conflict", "Expired", …). */
export class ApiError extends Error {
  override readonly name: string = "ApiError";
  readonly status: Status;
  constructor(status: Status, options: { cause?: unknown } = {}) {
    super(status.message ?? status.reason ?? `HTTP ${status.code ?? 500}`, options);
    this.status = status;
  }
  get code(): number {
    return this.status.code ?? 500;
  }
  get reason(): string {
    return this.status.reason ?? "";
  }
}

const hasCode =
  (code: number) =>
  (error: unknown): error is ApiError =>
    error instanceof ApiError && error.code === code;

export const isNotFound = hasCode(404);
export const isConflict = hasCode(409);
/** 410: the asked resourceVersion was compacted; list again. */
export const isExpired = hasCode(410);
export const isInvalid = hasCode(422);

export const isAlreadyExists = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.code === 409 && error.reason === "AlreadyExists";

/** Worth retrying unchanged: the server is overloaded, starting or briefly away. */
export const isTransient = (error: unknown): boolean =>
  error instanceof ApiError ? error.code === 429 || error.code >= 500 : true;
