// SPDX-License-Identifier: Apache-2.0
// The door through which the kubelet gives its measurements to the API server (`metrics.k8s.io`, `kubectl top`) and to
// the autoscaler.
import type { Pod } from "@serval/api";

export interface ContainerUsage {
  readonly name: string;
  /** Thousandths of a core, averaged over the window. */
  readonly cpuMilli: number;
  readonly memoryBytes: number;
}

export interface PodUsage {
  /** End of the window that cpu was averaged over, ms since the epoch. */
  readonly atMs: number;
  readonly windowMs: number;
  /** All that run; while one of them has not been measured the pod has no usage yet. */
  readonly containers: readonly ContainerUsage[];
}

export interface NodeUsage {
  readonly atMs: number;
  readonly windowMs: number;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
}

export interface ResourceMetrics {
  /** Undefined: not measured (yet): it does not run, or has just started. */
  ofPod(pod: Pod): PodUsage | undefined;
  /** The whole machine. */
  ofNode(): NodeUsage | undefined;
}
