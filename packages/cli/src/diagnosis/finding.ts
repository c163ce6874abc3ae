// SPDX-License-Identifier: Apache-2.0
// One thing that is wrong, or that will hurt, as describe and doctor print it.
import { codeOf, fixOf, type Reason } from "@serval/api";

export interface Finding {
  /** `SV####`, the heading in the error catalogue. */
  readonly code: string;
  readonly reason: string;
  readonly message: string;
  readonly fix: string;
  /** A problem makes the exit code 1; advice does not. */
  readonly severity: "problem" | "advice";
}

export const findingOf = (
  reason: Reason,
  message: string,
  { fix, severity = "problem" }: { fix?: string; severity?: Finding["severity"] } = {},
): Finding => ({
  code: codeOf(reason),
  reason,
  message,
  fix: fixOf({ reason, ...(fix === undefined ? {} : { fix }) }),
  severity,
});

/** A check by name, with what it found; without a finding it is fine. */
export interface Check {
  readonly name: string;
  /** One phrase: the version, the address, `not installed`. */
  readonly state: string;
  readonly findings: readonly Finding[];
}

export const fine = (name: string, state: string): Check => ({ name, state, findings: [] });
export const broken = (name: string, state: string, ...findings: readonly Finding[]): Check => ({
  name,
  state,
  findings,
});
