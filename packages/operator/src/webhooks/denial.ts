// SPDX-License-Identifier: Apache-2.0
// From findings to the refusal that kubectl prints (decision 7): KServe's own first sentence unchanged, then code, path
// and fix of every finding, the same in `details.causes`.
import { codeOf, type Finding, fixOf, type StatusCause } from "@serval/api";
import type { AdmissionResult } from "@serval/kube";

const line = (finding: Finding): string => `${codeOf(finding.reason)} ${finding.path}: ${fixOf(finding)}`;

const cause = (finding: Finding): StatusCause => ({
  reason: codeOf(finding.reason),
  field: finding.path,
  message: `${finding.message}. ${fixOf(finding)}`,
});

/** Empty findings allow. */
export function denial(findings: readonly Finding[]): AdmissionResult {
  const [first, ...others] = findings;
  if (first === undefined) return {};
  const further = others.map((finding) => `${finding.message}\n  ${line(finding)}`);
  return {
    denied: {
      code: 403,
      reason: "Forbidden",
      message: [first.message, `  ${line(first)}`, ...further].join("\n"),
      causes: findings.map(cause),
    },
  };
}
