// SPDX-License-Identifier: Apache-2.0
// From a Deployment's conditions to its component's. Pure. Source: KServe PropagateRawStatus.
import type { Deployment, Verdict } from "@serval/api";

type Condition = NonNullable<NonNullable<Deployment["status"]>["conditions"]>[number];

const verdict = (status: Verdict["status"], { reason, message }: Condition): Verdict => ({ status, reason, message });

/** In KServe's order: a later finding overrides an earlier one. */
export function deploymentVerdict(deployment: Deployment | undefined): Verdict {
  const conditions = deployment?.status?.conditions ?? [];
  const find = (type: string): Condition | undefined => conditions.find((condition) => condition.type === type);
  const [available, progressing, failed] = [find("Available"), find("Progressing"), find("ReplicaFailure")];
  let result: Verdict = { status: "False" };
  if (available?.status === "True") result = verdict("True", available);
  if (progressing?.status === "False" && (progressing.message ?? "") !== "") result = verdict("False", progressing);
  else if (progressing?.status === "True") {
    if (progressing.reason === "NewReplicaSetAvailable") result = verdict("True", progressing);
    else if (available?.status !== "True") result = verdict("Unknown", progressing);
  }
  if (available?.status === "False") result = verdict("False", available);
  if (failed?.status === "True") result = verdict("False", failed);
  return result;
}
