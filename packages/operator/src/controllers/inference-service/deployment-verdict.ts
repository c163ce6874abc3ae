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

type Conditions = NonNullable<NonNullable<Deployment["status"]>["conditions"]>;

/** One condition of the group; both Deployments must have it, and it holds only where it holds for both. */
function grouped(type: string, head: Conditions, workers: Conditions): Condition | undefined {
  const find = (from: Conditions): Condition | undefined => from.find((condition) => condition.type === type);
  const [first, second] = [find(head), find(workers)];
  if (first === undefined || second === undefined) return undefined;
  const isTrue = first.status === "True" && second.status === "True";
  const text = (of: "reason" | "message"): string =>
    `predictor-container: ${first[of] ?? ""}, worker-container: ${second[of] ?? ""}`;
  return {
    ...first,
    status: isTrue ? "True" : "False",
    reason: first.reason === second.reason ? (first.reason ?? "") : text("reason"),
    message: text("message"),
  };
}

/** A predictor on several nodes is ready when its head and its workers are. Source: KServe PropagateRawStatus. */
export function groupVerdict(head: Deployment | undefined, workers: Deployment | undefined): Verdict {
  const types = ["Available", "Progressing", "ReplicaFailure"];
  const conditions = types.flatMap(
    (type) => grouped(type, head?.status?.conditions ?? [], workers?.status?.conditions ?? []) ?? [],
  );
  return deploymentVerdict({ ...head, status: { conditions } } as Deployment);
}
