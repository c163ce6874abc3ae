// SPDX-License-Identifier: Apache-2.0
// The controllers that a cluster's kube-controller-manager and scheduler run, for the embedded home. To add one: write
// its reconcile function in a file of its own and one line in `startControllers`.
import { type Key, type KubeObject, keyOf, type Pod, type ResourceType, resources } from "@serval/api";
import {
  type Change,
  type Cluster,
  createInformer,
  type Informer,
  type ReconcileResult,
  runController,
  type Watch,
  watchOf,
} from "@serval/kube";
import { type ControllerLog, createContext } from "./context.ts";
import { reconcileDeployment } from "./deployment.ts";
import { reconcileEndpoints, selects } from "./endpoint-slice.ts";
import { createGarbageCollector } from "./garbage.ts";
import { createHpaController, type HpaOptions } from "./hpa/controller.ts";
import { reconcileNamespace } from "./namespace.ts";
import { controllerOf } from "./ownership.ts";
import { reconcileReplicaSet } from "./replica-set.ts";
import { quotaWatches, reconcileQuota } from "./resource-quota.ts";
import { type NodeOffer, reconcileUnscheduled } from "./scheduler.ts";
import { claimKeysOf, reclaimVolume, reconcileClaim } from "./volume-claim.ts";

export interface ControllersOptions {
  readonly cluster: Cluster;
  readonly dataDir: string;
  /** Every kind that is served: garbage collection and namespace deletion see them all. */
  readonly types: readonly ResourceType[];
  readonly node: NodeOffer;
  /** Names of the controllers to run besides garbage collection; absent: all of them. */
  readonly only?: readonly string[];
  readonly signal: AbortSignal;
  readonly log: ControllerLog;
  readonly now?: () => Date;
  /** Absent: nothing measures pods, and no autoscaler is looked at. */
  readonly autoscaling?: HpaOptions;
}

const ownerKeys =
  (kind: string) =>
  ({ object }: Change<KubeObject>): Key[] => {
    const owner = controllerOf(object);
    return owner?.kind === kind ? [{ namespace: object.metadata.namespace, name: owner.name }] : [];
  };

/** Runs until the signal; settles when all workers have stopped. */
export function startControllers(options: ControllersOptions): { stopped: Promise<void> } {
  const { cluster, signal, log, types, dataDir } = options;
  const context = createContext({ cluster, signal, log, ...(options.now === undefined ? {} : { now: options.now }) });
  const { informers } = context;
  const isWanted = (name: string): boolean =>
    options.only === undefined || name.startsWith("garbage-") || options.only.includes(name);
  const run = (name: string, watches: Watch[], reconcile: (key: Key) => Promise<ReconcileResult>) =>
    runController({
      name,
      watches: isWanted(name) ? watches : [],
      reconcile,
      signal,
      onError: (key, error, retryMs) =>
        log.warn({ controller: name, key, error, retryMs }, "reconcile failed, will retry"),
    });
  const endpointKeys = ({ object, old }: Change<Pod>): Key[] =>
    informers.services
      .list(object.metadata.namespace)
      .filter((service) => selects(service, object) || (old !== undefined && selects(service, old)))
      .map(keyOf);

  const garbage = createGarbageCollector(cluster, types, signal);
  const collectors = garbage.informers.map((informer) => ({
    type: informer.type,
    controller: run(
      `garbage-${informer.type.plural}`,
      [watchOf(informer, ({ type, object }) => (type === "deleted" ? [] : [keyOf(object)]))],
      (key) => garbage.reconcile(informer.type, key),
    ),
  }));
  for (const informer of garbage.informers) {
    informer.onChange(({ type, object }) => {
      if (type !== "deleted") return;
      for (const other of garbage.concerned(object))
        collectors.find((c) => c.type === other.type)?.controller.enqueue(other.key);
    });
  }
  const namespaced = types.filter((type) => type.namespaced);
  const controllers = [
    run(
      "deployment",
      [watchOf(informers.deployments), watchOf(informers.replicaSets, ownerKeys("Deployment"))],
      (key) => reconcileDeployment(context, key),
    ),
    run("replica-set", [watchOf(informers.replicaSets), watchOf(informers.pods, ownerKeys("ReplicaSet"))], (key) =>
      reconcileReplicaSet(context, key),
    ),
    run("endpoint-slice", [watchOf(informers.services), watchOf(informers.pods, endpointKeys)], (key) =>
      reconcileEndpoints(context, key),
    ),
    run("namespace", [watchOf(informers.namespaces)], (key) => reconcileNamespace(context, key, namespaced)),
    run("scheduler", [watchOf(informers.pods)], async (key) => {
      const pod = informers.pods.get(key);
      return pod === undefined ? undefined : reconcileUnscheduled(context, pod, options.node);
    }),
    run(
      "volume-claim",
      [watchOf(informers.claims), watchOf(informers.pods, ({ object }) => claimKeysOf(object))],
      (key) => reconcileClaim(context, key, dataDir),
    ),
    run("volume", [watchOf(informers.volumes), claimedVolumes(informers.claims)], (key) =>
      reclaimVolume(context, key, dataDir),
    ),
  ];
  const quotas = createInformer(cluster, resources.resourceQuotas, { signal });
  controllers.push(
    run("resource-quota", [watchOf(quotas), ...quotaWatches(context, garbage.informers, quotas)], (key) =>
      reconcileQuota(context, quotas.get(key), garbage.informers),
    ),
  );
  if (options.autoscaling !== undefined) {
    const hpa = createHpaController(context, options.autoscaling);
    controllers.push(run("horizontal-pod-autoscaler", [watchOf(hpa.autoscalers, hpa.keys)], hpa.reconcile));
  }
  return {
    stopped: Promise.all([...controllers, ...collectors.map((c) => c.controller)].map((c) => c.stopped)).then(() =>
      context.events.flush(),
    ),
  };
}

const claimedVolumes = (claims: Informer<NonNullable<(typeof resources.persistentVolumeClaims)["object"]>>): Watch =>
  watchOf(claims, ({ type, object }) => {
    const name = object.spec?.volumeName;
    return type === "deleted" && name !== undefined && name !== "" ? [{ name }] : [];
  });
