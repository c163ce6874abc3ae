// SPDX-License-Identifier: Apache-2.0
// The door through which the kubelet gives container logs to the API server.
import type { Pod } from "@serval/api";

export interface LogOptions {
  readonly container: string;
  /** Goes on until the container has ended or `signal` is aborted. */
  readonly follow: boolean;
  /** Of the container's last ended run. */
  readonly previous: boolean;
  /** Lines from the end; all when absent. */
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
  /** RFC 3339 time before each line. */
  readonly timestamps: boolean;
  readonly limitBytes?: number;
  readonly signal?: AbortSignal;
}

export interface PodLogs {
  /** @throws ApiError 400 when that container has no log (yet), as a kubelet says it. */
  readLogs(pod: Pod, options: LogOptions): AsyncIterable<Uint8Array>;
}
