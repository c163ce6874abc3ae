// SPDX-License-Identifier: Apache-2.0
// The one error class for what a user can fix, and the shape of a finding that is returned instead of thrown.
import { catalogue, type Reason } from "./catalogue.ts";

/** One thing wrong in one place. `message` begins with KServe's own text where KServe has one. */
export interface Finding {
  readonly reason: Reason;
  /** Field path, `spec.predictor.minReplicas`. */
  readonly path: string;
  readonly message: string;
  readonly fix?: string;
}

export const codeOf = (reason: Reason): string => catalogue[reason].code;
export const fixOf = (finding: Pick<Finding, "reason" | "fix">): string => finding.fix ?? catalogue[finding.reason].fix;

export interface ServalErrorOptions {
  /** true: retry with backoff. false (default): wait for the user to change something. */
  readonly transient?: boolean;
  readonly fix?: string;
  readonly cause?: unknown;
}

/** A failure a user can act on. Its reason and message may be shown in a status, an event or an HTTP body. */
export class ServalError extends Error {
  override readonly name: string = "ServalError";
  readonly reason: Reason;
  readonly transient: boolean;
  readonly fix: string;
  constructor(reason: Reason, message: string, options: ServalErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.reason = reason;
    this.transient = options.transient ?? false;
    this.fix = options.fix ?? catalogue[reason].fix;
  }
  /** `SV####`, the heading in the error catalogue. */
  get code(): string {
    return codeOf(this.reason);
  }
}
