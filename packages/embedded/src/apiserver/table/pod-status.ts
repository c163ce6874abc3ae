// SPDX-License-Identifier: Apache-2.0
// READY, STATUS and RESTARTS of a pod, with the many words that kubectl users know.
// Source: k8s.io/kubernetes/pkg/printers/internalversion/printers.go (printPod)
import type { ContainerStatus, Pod } from "@serval/api";
import { ageOf } from "./column.ts";

export interface PodSummary {
  readonly ready: string;
  readonly status: string;
  readonly restarts: string;
}

const ended = ({ state }: ContainerStatus): string | undefined => {
  const terminated = state?.terminated;
  if (terminated === undefined) return undefined;
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
};

/** The state of the first init container that is not done, or undefined when all are. */
function initReason(pod: Pod): string | undefined {
  const specs = pod.spec?.initContainers ?? [];
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const restartable = specs.find(({ name }) => name === status.name)?.restartPolicy === "Always";
    if (status.state?.terminated?.exitCode === 0) continue;
    if (restartable && status.started === true) continue;
    if (status.state?.terminated !== undefined) return `Init:${ended(status)}`;
    const waiting = status.state?.waiting?.reason;
    if (waiting && waiting !== "PodInitializing") return `Init:${waiting}`;
    return `Init:${index}/${specs.length}`;
  }
  return undefined;
}

function containersReason(pod: Pod, initial: string): string {
  let reason = initial;
  let hasRunning = false;
  for (const status of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    const waiting = status.state?.waiting?.reason;
    if (waiting) reason = waiting;
    else if (status.state?.terminated !== undefined) reason = ended(status) as string;
    else if (status.ready && status.state?.running !== undefined) hasRunning = true;
  }
  if (reason !== "Completed" || !hasRunning) return reason;
  const ready = pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
  return ready ? "Running" : "NotReady";
}

function restartText(statuses: readonly ContainerStatus[], now: Date): string {
  const count = statuses.reduce((sum, { restartCount }) => sum + (restartCount ?? 0), 0);
  const last = statuses
    .map(({ lastState }) => lastState?.terminated?.finishedAt ?? "")
    .sort()
    .at(-1);
  return count > 0 && last ? `${count} (${ageOf(last, now)} ago)` : `${count}`;
}

export function summarizePod(pod: Pod, now: Date): PodSummary {
  const containers = pod.status?.containerStatuses ?? [];
  const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  const sidecarStatuses = (pod.status?.initContainerStatuses ?? []).filter(({ name }) =>
    sidecars.some((sidecar) => sidecar.name === name),
  );
  const total = (pod.spec?.containers ?? []).length + sidecars.length;
  const running = containers.filter(({ ready, state }) => ready && state?.running !== undefined).length;
  const readySidecars = sidecarStatuses.filter(({ ready, started }) => ready && started === true).length;
  const initial = pod.status?.reason || pod.status?.phase || "Unknown";
  const starting = initReason(pod);
  let status = starting ?? containersReason(pod, initial);
  if (pod.metadata.deletionTimestamp !== undefined) {
    const over = pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
    if (pod.status?.reason === "NodeLost") status = "Unknown";
    else if (!over) status = "Terminating";
  }
  const counted =
    starting === undefined ? [...containers, ...sidecarStatuses] : (pod.status?.initContainerStatuses ?? []);
  return { ready: `${running + readySidecars}/${total}`, status, restarts: restartText(counted, now) };
}
