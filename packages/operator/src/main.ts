// SPDX-License-Identifier: Apache-2.0
// Starts the operator against a cluster, the same in both homes: makes its deps, watches, waits to lead, reconciles.
import { inferenceGraphs, kserveNamespace, labels, resources, trainedModels } from "@serval/api";
import {
  type Cluster,
  createEventRecorder,
  createInformer,
  createSharing,
  type LeaderOptions,
  runAsLeader,
} from "@serval/kube";
import { type Logger, Registry } from "@serval/observe";
import { type AdmissionState, createAdmissionState } from "./admission-state.ts";
import { createAdoption } from "./adoption/adoption.ts";
import { createCaBundleSource } from "./ca-bundle.ts";
import { createDetailsSource } from "./causes/index.ts";
import { type ChildKind, createChildren } from "./children/children.ts";
import { createConfigMapWriter } from "./children/config-maps.ts";
import { createDrain } from "./children/drain.ts";
import { servedChildKinds } from "./children/served-kinds.ts";
import { createConfigSource } from "./config-source.ts";
import { runInferenceGraphController } from "./controllers/inference-graph/controller.ts";
import {
  type ControllerHooks,
  controllerName,
  runInferenceServiceController,
} from "./controllers/inference-service/controller.ts";
import { createCaches, slimPod } from "./controllers/inference-service/observe.ts";
import { runTrainedModelController } from "./controllers/trained-model/controller.ts";
import { runUnservedControllers } from "./controllers/unserved/controller.ts";
import { createFactsSource } from "./facts-source.ts";
import type { Leadership } from "./leadership/leadership.ts";
import { leaseName } from "./leadership/lease.ts";
import { createOperatorMetrics } from "./metrics.ts";

export interface OperatorOptions {
  readonly cluster: Cluster;
  readonly log: Logger;
  /** Where the operator's metrics are registered; its own registry when absent. */
  readonly metrics?: Registry;
  /** Ends the operator: reconciles in flight may finish, then `stopped` settles. */
  readonly signal: AbortSignal;
  /** Where the ConfigMap and the lease are. Default `kserve`. */
  readonly namespace?: string;
  /** Several operators may run, one acts. Identity: unique per process. Absent or false: acts at once. */
  readonly leaderElection?: Pick<LeaderOptions, "identity" | "leaseMs" | "renewDeadlineMs" | "retryMs"> | false;
  /** Who says when to act, instead of an election of its own. */
  readonly leadership?: Pick<Leadership, "run">;
  /** Filled with the watched configuration and runtimes once they are known. */
  readonly admission?: AdmissionState;
  readonly now?: () => Date;
  /** How long a workload outlives the routes to it, in ms; default 2000. */
  readonly drainMs?: number;
  /** Reconciles at once. Default 8: they mostly wait for the API server. */
  readonly workers?: number;
}

export interface Operator {
  /** Kinds of children that the cluster served when this operator started. */
  readonly kinds: readonly ChildKind[];
  /** undefined: ready; else what is waited for. */
  notReady(): string | undefined;
  /** How many services are in the middle of a change: their status waits for what follows by itself. */
  settling(): number;
  /** Settles when every cache was read once. */
  readonly synced: Promise<void>;
  readonly stopped: Promise<void>;
}

/** KServe's event source, which its dashboards select by. */
const eventSource = "v1beta1Controllers";

/** @throws the API server's error when it cannot be asked which kinds it serves. */
export async function startOperator(options: OperatorOptions): Promise<Operator> {
  const { cluster, log, signal, namespace = kserveNamespace, now = () => new Date(), workers = 8 } = options;
  const onError = (error: unknown): void => log.warn({ error }, "A watch was interrupted, it goes on by itself");
  const onEventError = (error: unknown): void => log.warn({ error }, "Cannot record an event");
  const events = createEventRecorder(cluster, {
    component: eventSource,
    now,
    onError: onEventError,
  });
  const kinds = await servedChildKinds(cluster);
  // One for all kinds: a service's name and uid are in each of its children.
  const share = createSharing();
  const caches = createCaches({ cluster, signal, onError, share });
  const children = createChildren({ cluster, signal, onError, kinds, share });
  const facts = createFactsSource({ cluster, signal, onError });
  const drain = createDrain(now, options.drainMs);
  const metrics = createOperatorMetrics(options.metrics ?? new Registry(), caches.services);
  const config = createConfigSource({
    cluster,
    namespace,
    signal,
    log,
    events,
    onProblems: (problems) => metrics.configProblems(problems.length),
  });
  const admission = options.admission ?? createAdmissionState();
  const graphs = createInformer(cluster, inferenceGraphs, { signal, onError });
  const routerPods = createInformer(cluster, resources.pods, {
    signal,
    onError,
    labelSelector: labels.inferenceGraph,
    transform: slimPod,
  });
  const models = createInformer(cluster, trainedModels, { signal, onError });
  const configMaps = createConfigMapWriter(cluster);
  const caBundle = createCaBundleSource({ cluster, configMaps, namespace, signal, onError });
  const informers = [
    config.informer,
    ...Object.values(caches),
    ...children.informers,
    ...facts.informers,
    graphs,
    routerPods,
    models,
    ...caBundle.informers,
  ];
  // Until then what was bound before stays in force: rules must not be asked about caches that are still empty.
  const synced = Promise.all(informers.map((informer) => informer.synced)).then(() =>
    admission.bind({ config: config.current, caches, cluster, namespace, facts }),
  );
  const deps = {
    cluster,
    events,
    now,
    caches,
    children,
    facts,
    config: config.current,
    settling: new Map<string, number>(),
    configMaps,
    models,
    caBundle,
    details: createDetailsSource(cluster, now),
    drain,
    adoption: createAdoption({ cluster, children }),
  };
  const hooks = (controller: string): ControllerHooks => ({
    workers,
    onError: (key, error, retryMs) =>
      log.error({ controller, key, error, retryMs }, "Cannot reconcile, will try again"),
    onReconciled: (_key, result, durationMs) => metrics.reconciled(controller, result, durationMs),
  });
  const graphEvents = createEventRecorder(cluster, {
    component: "InferenceGraphController",
    now,
    onError: onEventError,
  });
  const graphDeps = { ...deps, events: graphEvents, graphs, pods: routerPods };
  const lead = async (signal: AbortSignal): Promise<void> => {
    const controllers = [
      runInferenceServiceController({ deps, config, signal, ...hooks(controllerName) }),
      runTrainedModelController({ deps, config, signal, ...hooks("trainedmodel") }),
      runInferenceGraphController({ deps: graphDeps, config, signal, ...hooks("inferencegraph") }),
      ...runUnservedControllers({ cluster, now, signal, ...hooks("unserved") }),
    ];
    await Promise.all(controllers.map(({ stopped }) => stopped));
  };
  const { leaderElection = false, leadership } = options;
  const running =
    leadership !== undefined
      ? leadership.run(lead, signal)
      : leaderElection === false
        ? lead(signal)
        : runAsLeader(cluster, { ...leaderElection, namespace, name: leaseName, signal, onError }, lead);
  return {
    kinds,
    notReady: () => {
      const waiting = informers.filter((informer) => !informer.isSynced).map(({ type }) => type.plural);
      return waiting.length === 0 ? undefined : `waiting for ${[...new Set(waiting)].join(", ")}`;
    },
    settling: () => deps.settling.size,
    synced,
    stopped: running.then(async () => void (await Promise.all([events.flush(), graphEvents.flush()]))),
  };
}
