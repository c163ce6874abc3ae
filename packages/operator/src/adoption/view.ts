// SPDX-License-Identifier: Apache-2.0
// What the operator sees, for a command that only looks: the same caches, no controller and no event.
import { kserveNamespace } from "@serval/api";
import { type Cluster, createSharing, type EventRecorder } from "@serval/kube";
import type { Logger } from "@serval/observe";
import { createChildren } from "../children/children.ts";
import { servedChildKinds } from "../children/served-kinds.ts";
import { createConfigSource } from "../config-source.ts";
import { createCaches, type ObserveDeps } from "../controllers/inference-service/observe.ts";
import { createFactsSource } from "../facts-source.ts";

const silent: EventRecorder = { record: () => {}, flush: async () => {} };

export interface ViewOptions {
  readonly cluster: Cluster;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly namespace?: string;
}

/** Resolves when everything was read once. @throws ApiError. */
export async function openView({
  cluster,
  log,
  signal,
  namespace = kserveNamespace,
}: ViewOptions): Promise<ObserveDeps> {
  const onError = (error: unknown): void => log.warn({ error }, "A watch was interrupted, it goes on by itself");
  const kinds = await servedChildKinds(cluster);
  const share = createSharing();
  const caches = createCaches({ cluster, signal, onError, share });
  const children = createChildren({ cluster, signal, onError, kinds, share });
  const facts = createFactsSource({ cluster, signal, onError });
  const config = createConfigSource({ cluster, namespace, signal, log, events: silent, onProblems: () => {} });
  const informers = [config.informer, ...Object.values(caches), ...children.informers, ...facts.informers];
  await Promise.all(informers.map(({ synced }) => synced));
  return { caches, children, facts, config: config.current };
}
