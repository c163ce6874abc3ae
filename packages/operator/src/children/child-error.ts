// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from "@serval/api";

/** A child that the API server refused. */
export class ChildError extends Error {
  readonly object: KubeObject;
  override readonly cause: unknown;

  constructor(object: KubeObject, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = "ChildError";
    this.object = object;
    this.cause = cause;
  }
}
