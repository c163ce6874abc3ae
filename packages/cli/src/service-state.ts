// SPDX-License-Identifier: Apache-2.0
// An InferenceService's state in a few words: pulling, loading, ready, or why not. Pure.
import type { Pod } from "@serval/api";
import type { ServiceProgress } from "./progress.ts";

export interface ServiceView {
  metadata: { name: string; generation?: number | undefined };
  status?:
    | {
        observedGeneration?: number | undefined;
        url?: string | undefined;
        conditions?:
          | { type: string; status: string; reason?: string | undefined; message?: string | undefined }[]
          | undefined;
        serval?: { code?: string; message?: string; fix?: string } | undefined;
      }
    | undefined;
}

export const isReady = ({ metadata, status }: ServiceView): boolean =>
  status?.observedGeneration === metadata.generation &&
  status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") === true;

/** A local model of some kilobytes is "0.0 MB" of nothing worth telling. */
const megabytes = (bytes: number): string =>
  bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

function progressText(pod: Pod): string | undefined {
  const text = pod.metadata.annotations?.["serval.dev/progress"];
  if (text === undefined) return undefined;
  try {
    const { bytes, totalBytes } = JSON.parse(text) as { bytes?: number; totalBytes?: number };
    return bytes === undefined
      ? undefined
      : `${megabytes(bytes)}${totalBytes === undefined ? "" : ` of ${megabytes(totalBytes)}`}`;
  } catch {
    return undefined;
  }
}

/** @param pods of this service. */
export function serviceProgress(service: ServiceView, pods: readonly Pod[]): ServiceProgress {
  const name = service.metadata.name;
  if (isReady(service)) return { name, state: "ready", detail: service.status?.url ?? "", isReady: true };
  const waiting = { name, isReady: false };
  const cause = service.status?.serval?.message;
  const statuses = pods.flatMap((pod) => (pod.status?.containerStatuses ?? []).map((status) => ({ pod, status })));
  const pulling = pods.find((pod) =>
    (pod.status?.initContainerStatuses ?? []).some(({ state }) => state?.terminated?.exitCode !== 0),
  );
  const waitingMessage = statuses.find(({ status }) => status.state?.waiting?.message !== undefined)?.status.state
    ?.waiting?.message;
  if (cause !== undefined) return { ...waiting, state: "failing", detail: cause };
  if (pulling !== undefined) return { ...waiting, state: "pulling", detail: progressText(pulling) ?? "" };
  if (waitingMessage !== undefined) return { ...waiting, state: "pulling", detail: waitingMessage };
  if (statuses.some(({ status }) => status.state?.running !== undefined)) {
    const allReady = statuses.every(({ status }) => status.ready);
    return { ...waiting, state: allReady ? "routing" : "loading", detail: "" };
  }
  return { ...waiting, state: "starting", detail: "" };
}
