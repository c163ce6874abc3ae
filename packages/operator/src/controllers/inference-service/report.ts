// SPDX-License-Identifier: Apache-2.0
// Events: one per transition, in KServe's words. Source: KServe controller.go (updateStatus) and its events table.
import type { InferenceService, InferenceServiceStatus, ServingCondition } from "@serval/api";
import type { EventRecorder } from "@serval/kube";
import type { Failure } from "./resolve.ts";

const isReady = (conditions: readonly ServingCondition[] | undefined): boolean =>
  conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;

export function reportTransitions(
  events: EventRecorder,
  isvc: InferenceService,
  status: InferenceServiceStatus,
  failure: Failure | undefined,
): void {
  const name = isvc.metadata.name ?? "";
  const [before, after] = [isReady(isvc.status?.conditions), isReady(status.conditions)];
  if (!before && after) events.record(isvc, "Normal", "InferenceServiceReady", `InferenceService [${name}] is Ready`);
  if (before && !after) {
    const failed = (status.conditions ?? []).filter((condition) => condition.status === "False");
    const text = failed.map(({ type }) => type).join(", ");
    events.record(
      isvc,
      "Warning",
      "InferenceServiceNotReady",
      `InferenceService [${name}] is no longer Ready because of: ${text}`,
    );
  }
  const { serval } = status;
  const isNews = serval?.code !== undefined && serval.message !== isvc.status?.serval?.message;
  if (!isNews || serval === undefined) return;
  // KServe: every failure of a reconcile is an InternalError; causes that the cluster shows are ours.
  const reason = failure === undefined ? (serval.reason ?? "NotReady") : "InternalError";
  events.record(isvc, "Warning", reason, `${serval.message} (${serval.code}: ${serval.fix})`);
}
