// SPDX-License-Identifier: Apache-2.0
// How far the start of a service has come: the Progress column. Pure.
import { annotations, containerNames, type Pod, type ServalStatus } from "@serval/api";
import { newestFirst } from "./model-status.ts";

type Progress = NonNullable<ServalStatus["progress"]>;

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

/** `12.5 MiB`. */
export function sizeText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** What the initializer reported through whoever runs it; undefined for anything malformed. */
function reported(pod: Pod): Progress | undefined {
  const json = pod.metadata?.annotations?.[annotations.progress];
  if (json === undefined) return undefined;
  try {
    const { phase, bytes, totalBytes } = JSON.parse(json) as { phase?: unknown; bytes?: unknown; totalBytes?: unknown };
    if (typeof phase !== "string") return undefined;
    const done = typeof bytes === "number" && bytes >= 0 ? bytes : undefined;
    const total = typeof totalBytes === "number" && totalBytes > 0 ? totalBytes : undefined;
    const share =
      done !== undefined && total !== undefined ? ` ${Math.min(100, Math.floor((done / total) * 100))}%` : "";
    const size = done === undefined ? "" : ` (${sizeText(done)}${total === undefined ? "" : ` of ${sizeText(total)}`})`;
    return {
      phase,
      ...(done === undefined ? {} : { bytes: done }),
      ...(total === undefined ? {} : { totalBytes: total }),
      text: `${phase}${share}${size}`,
    };
  } catch {
    return undefined;
  }
}

const plain = (phase: string): Progress => ({ phase, text: phase });

/** undefined once the newest predictor pod is ready. */
export function progressOf(pods: readonly Pod[]): Progress | undefined {
  const [pod] = newestFirst(pods);
  if (pod === undefined) return plain("Starting");
  const { conditions = [], initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  if (conditions.some(({ type, status }) => type === "Ready" && status === "True")) return undefined;
  const initializer = initContainerStatuses.find(({ name }) => name === containerNames.storageInitializer);
  if (initializer?.state?.running !== undefined) return reported(pod) ?? plain("Downloading");
  const isStarted = containerStatuses.some(({ state }) => state?.running !== undefined);
  return plain(isStarted ? "Loading" : "Starting");
}
