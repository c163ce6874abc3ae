// SPDX-License-Identifier: Apache-2.0
// How many nodes a distributed model needs, and how many GPUs each. Pure. Source: KServe computeRayNodeAndGPUs, mp mode.
import { ServalError } from "@serval/api";

export interface Sizes {
  readonly pipelineParallelSize: number;
  readonly tensorParallelSize: number;
}

export interface Group {
  /** The head among them. */
  readonly nodes: number;
  readonly headGpus: number;
  readonly workerGpus: number;
}

/** GPUs that the containers ask for; 0: nothing. */
export interface AskedGpus {
  readonly head: number;
  readonly worker: number;
}

/** Multiprocessing: a node per pipeline stage, a GPU per tensor shard on each. */
export const multiprocessingGroup = ({ pipelineParallelSize, tensorParallelSize }: Sizes): Group => ({
  nodes: pipelineParallelSize,
  headGpus: tensorParallelSize,
  workerGpus: tensorParallelSize,
});

function checked(group: Group, total: number): Group {
  const ofWorkers = group.workerGpus * (group.nodes - 1);
  if (total <= group.headGpus + ofWorkers) return group;
  throw new ServalError(
    "InvalidGPUAllocation",
    // KServe's words say "less"; it is more.
    `the total required number of GPUs(${total}) is less than the number of GPUs assigned to the head node(${group.headGpus}) + worker node(${ofWorkers})`,
    {
      fix: `Raise the GPU requests of the head or of workerSpec.containers[0], or lower pipelineParallelSize × tensorParallelSize (${total})`,
    },
  );
}

function byWorkers(total: number, { head, worker }: AskedGpus): Group {
  const nodes = Math.ceil(total / worker);
  const isHeadEnough = head > 0 && Math.ceil(total / head) === 1;
  if (nodes === 1 || isHeadEnough) return { nodes: 1, headGpus: total, workerGpus: 0 };
  return checked({ nodes, headGpus: head > 0 ? head : total - worker * (nodes - 1), workerGpus: worker }, total);
}

/** @throws ServalError InvalidGPUAllocation when head and workers together have too few. */
export function rayGroup({ pipelineParallelSize, tensorParallelSize }: Sizes, asked: AskedGpus): Group {
  const total = pipelineParallelSize * tensorParallelSize;
  if (asked.worker > 0) return byWorkers(total, asked);
  if (asked.head === 0) return { nodes: total, headGpus: 1, workerGpus: 1 };
  // Only the head says how many: the rest is spread over workers of one GPU.
  const rest = Math.max(0, total - asked.head);
  return { nodes: 1 + rest, headGpus: asked.head, workerGpus: 1 };
}
