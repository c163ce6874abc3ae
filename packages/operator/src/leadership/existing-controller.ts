// SPDX-License-Identifier: Apache-2.0
// Whether KServe's own manager runs though it holds no lease: it may have been started without leader election.
import { kserveNamespace, resources } from "@serval/api";
import type { Cluster } from "@serval/kube";

export const existingControllerName = "kserve-controller-manager";

/** @throws ApiError. */
export async function existingControllerRuns(cluster: Cluster): Promise<boolean> {
  const key = { namespace: kserveNamespace, name: existingControllerName };
  const deployment = await cluster.get(resources.deployments, key);
  return (deployment?.status?.readyReplicas ?? 0) > 0;
}
