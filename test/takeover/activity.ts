// SPDX-License-Identifier: Apache-2.0
// When a cluster has come to rest: nothing that a take-over may touch was written for a while.
import { inferenceGraphs, inferenceServices, type ResourceType, resources, trainedModels } from "@serval/api";
import { type Cluster, createInformer } from "@serval/kube";
import { quiet } from "../golden/quiet.ts";

const watched = [
  resources.pods,
  resources.deployments,
  resources.services,
  resources.horizontalPodAutoscalers,
  resources.httpRoutes,
  inferenceServices,
  inferenceGraphs,
  trainedModels,
] as unknown as readonly ResourceType[];

export interface Activity {
  /** @param quietMs longer than whoever acts pauses between two writes. */
  settle(quietMs?: number): Promise<void>;
}

export async function watchActivity(cluster: Cluster, signal: AbortSignal): Promise<Activity> {
  const listeners = new Set<() => void>();
  const informers = watched.map((type) =>
    createInformer(cluster, type, {
      signal,
      transform: ({ apiVersion, kind, metadata }) => ({
        apiVersion,
        kind,
        metadata: { ...metadata, managedFields: [] },
      }),
    }),
  );
  for (const informer of informers)
    informer.onChange(() => {
      for (const listener of listeners) listener();
    });
  await Promise.all(informers.map(({ synced }) => synced));
  return {
    settle: (quietMs = 3_000) =>
      quiet({
        subscribe: (listener) => {
          listeners.add(listener);
          return () => void listeners.delete(listener);
        },
        isIdle: () => true,
        quietMs,
        deadlineMs: 240_000,
      }),
  };
}
