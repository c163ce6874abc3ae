// SPDX-License-Identifier: Apache-2.0
// What every built-in controller works with: the cluster, shared informers, events, clock.
import { type KubeObject, resources } from "@serval/api";
import { type Cluster, createEventRecorder, createInformer, type EventRecorder } from "@serval/kube";

export interface ControllerContext {
  readonly cluster: Cluster;
  readonly informers: ReturnType<typeof createSharedInformers>;
  readonly events: EventRecorder;
  readonly now: () => Date;
  /** Five characters of Kubernetes' safe alphabet. */
  readonly randomSuffix: () => string;
  readonly signal: AbortSignal;
  readonly log: ControllerLog;
}

export interface ControllerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const owners = (object: KubeObject): string[] => (object.metadata.ownerReferences ?? []).map(({ uid }) => uid);

export function createSharedInformers(cluster: Cluster, signal: AbortSignal) {
  const indexes = { owner: owners };
  return {
    deployments: createInformer(cluster, resources.deployments, { signal, indexes }),
    replicaSets: createInformer(cluster, resources.replicaSets, { signal, indexes }),
    pods: createInformer(cluster, resources.pods, { signal, indexes }),
    services: createInformer(cluster, resources.services, { signal }),
    endpointSlices: createInformer(cluster, resources.endpointSlices, { signal }),
    namespaces: createInformer(cluster, resources.namespaces, { signal }),
    claims: createInformer(cluster, resources.persistentVolumeClaims, { signal }),
    volumes: createInformer(cluster, resources.persistentVolumes, { signal }),
  };
}

const alphabet = "bcdfghjklmnpqrstvwxz2456789";

export function createContext(options: {
  cluster: Cluster;
  signal: AbortSignal;
  log: ControllerLog;
  now?: () => Date;
  random?: () => number;
}): ControllerContext {
  const { cluster, signal, log, now = () => new Date(), random = Math.random } = options;
  return {
    cluster,
    signal,
    log,
    now,
    informers: createSharedInformers(cluster, signal),
    events: createEventRecorder(cluster, {
      component: "serval-controllers",
      now,
      onError: (error) => log.warn({ error }, "event not recorded"),
    }),
    randomSuffix: () => Array.from({ length: 5 }, () => alphabet[Math.floor(random() * alphabet.length)]).join(""),
  };
}
