// SPDX-License-Identifier: Apache-2.0
// Kinds of the API that nothing is made of in this release: their status says so, once. An object that another
// controller looks after (KServe's own, beside us) is left alone.
import {
  catalogue,
  codeOf,
  type KubeObject,
  type LlmInferenceService,
  type LocalModelCache,
  llmInferenceServices,
  localModelCaches,
  localModelNamespaceCaches,
  type ResourceType,
} from "@serval/api";
import { type Cluster, type Controller, createInformer, type Informer, runController, watchOf } from "@serval/kube";
import type { ControllerHooks } from "../inference-service/controller.ts";
import { plainCondition } from "../plain-condition.ts";
import { writeStatus } from "../write-status.ts";

const reason = "FeatureNotSupported";

interface Kind<T extends KubeObject> {
  readonly type: ResourceType<T>;
  readonly fix: string;
  /** The status to write; undefined: there is one already. */
  readonly statusOf: (object: T, text: string, now: Date) => object | undefined;
}

const isEmpty = (status: object | undefined): boolean => Object.keys(status ?? {}).length === 0;
const told = (kind: string, fix: string): string =>
  `this release has no controller for ${kind}: the object is stored, and nothing is made of it. ${fix}`;

const llm: Kind<LlmInferenceService> = {
  type: llmInferenceServices,
  fix: "Serve the model with an InferenceService",
  statusOf: ({ status, metadata }, message, now) =>
    isEmpty(status)
      ? {
          observedGeneration: metadata.generation ?? 0,
          conditions: [
            plainCondition(
              "Ready",
              { status: "False", reason, message: `${message} (${codeOf(reason)})` },
              { old: undefined, now },
            ),
          ],
        }
      : undefined,
};

const cache = (type: ResourceType<LocalModelCache>): Kind<LocalModelCache> => ({
  type,
  fix: "Services that use the model fetch it themselves",
  statusOf: ({ status }, message) =>
    isEmpty(status) ? { serval: { reason, code: codeOf(reason), message, fix: catalogue[reason].fix } } : undefined,
});

export interface UnservedOptions extends ControllerHooks {
  readonly cluster: Cluster;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

function run<T extends KubeObject>({ type, fix, statusOf }: Kind<T>, options: UnservedOptions): Controller {
  const { cluster, now, signal, ...hooks } = options;
  const informer: Informer<T> = createInformer(cluster, type, { signal });
  return runController({
    name: `unserved-${type.plural}`,
    watches: [watchOf(informer)],
    signal,
    reconcile: async (key) => {
      const object = informer.get(key);
      if (object === undefined || object.metadata.deletionTimestamp !== undefined) return undefined;
      const status = statusOf(object, told(type.kind, fix), now());
      if (status === undefined) return undefined;
      await writeStatus({ cluster, informer }, object, status);
      return undefined;
    },
    ...hooks,
    workers: 1,
  });
}

export const runUnservedControllers = (options: UnservedOptions): Controller[] => [
  run(llm, options),
  run(cache(localModelCaches), options),
  run(cache(localModelNamespaceCaches), options),
];
