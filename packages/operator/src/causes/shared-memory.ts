// SPDX-License-Identifier: Apache-2.0
// /dev/shm: several processes of one model exchange tensors there, and NCCL hangs or ends where it is small. Pure.
// Source: NCCL user guide, troubleshooting, shared memory; the seed's troubleshooting table.
import { type Deployment, quantityValue } from "@serval/api";
import { causeOf, conditionOf, type Rule } from "./cause.ts";
import { probeGraceMs } from "./probes.ts";

export const isAboutSharedMemory = (text: string): boolean =>
  /(\/dev\/shm|nccl-?[\w-]*shm|shared memory)/i.test(text) &&
  /no space left|bus error|too small|failed|insufficient/i.test(text);

const leastBytes = 8 * 2 ** 30;

/** Of the pod's /dev/shm in bytes; containers get 64 MiB without a volume. */
function sharedMemoryOf({ spec }: Deployment): number {
  const pod = spec?.template.spec;
  const mount = pod?.containers
    .flatMap(({ volumeMounts = [] }) => volumeMounts)
    .find(({ mountPath }) => mountPath === "/dev/shm");
  const volume = pod?.volumes?.find(({ name }) => name === mount?.name);
  if (volume?.emptyDir === undefined) return 64 * 2 ** 20;
  const limit = volume.emptyDir.sizeLimit;
  return limit === undefined ? Number.POSITIVE_INFINITY : quantityValue(limit);
}

/** Processes that run, wait for each other and never become ready: on several nodes, with a small /dev/shm. */
export const smallSharedMemory: Rule = function* ({ isvc, deployments, pods, now }) {
  if (isvc.spec.predictor.workerSpec === undefined) return;
  const hangs = pods.some(({ status }) =>
    status?.containerStatuses?.some(
      ({ ready, state }) =>
        !ready && now.getTime() - Date.parse(state?.running?.startedAt ?? now.toISOString()) >= probeGraceMs,
    ),
  );
  if (!hangs) return;
  for (const deployment of deployments) {
    const bytes = sharedMemoryOf(deployment);
    if (bytes >= leastBytes || conditionOf(deployment.status?.conditions, "Available")?.status === "True") continue;
    yield causeOf("SharedMemoryTooSmall", {
      message: `The pods of ${deployment.metadata.name} run and wait for each other with ${Math.round(bytes / 2 ** 20)} MiB of /dev/shm; NCCL needs more between processes`,
      of: deployment.metadata.name ?? "",
    });
  }
};
