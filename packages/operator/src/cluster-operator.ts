// SPDX-License-Identifier: Apache-2.0
// The operator as a process on a cluster: waits for its turn, brings its kinds, watches, serves webhooks, acts while it
// leads. Kinds that come later (KEDA, Gateway API) are picked up without a restart.
import {
  type ConversionClient,
  clusterServingRuntimes,
  clusterStorageContainers,
  inferenceGraphs,
  inferenceServices,
  type ResourceType,
  resources,
  servingRuntimes,
  trainedModels,
} from "@serval/api";
import type { Cluster } from "@serval/kube";
import type { Logger, Registry } from "@serval/observe";
import { type AdmissionState, createAdmissionState } from "./admission-state.ts";
import { createHandover } from "./adoption/handover.ts";
import type { BootstrapOptions } from "./bootstrap/bootstrap.ts";
import { createPreparation, type Preparation } from "./bootstrap/preparation.ts";
import { optionalChildKinds, servedChildKinds } from "./children/served-kinds.ts";
import { createKindWatch, type KindWatch } from "./kind-watch.ts";
import {
  createLeadership,
  type Leadership,
  type LeadershipOptions,
  type LeadershipState,
} from "./leadership/leadership.ts";
import { type Operator, type OperatorOptions, startOperator } from "./main.ts";
import { untilDone } from "./patience.ts";
import {
  conversionClient,
  startWebhooks,
  type WebhookOptions,
  type WebhookRole,
  type Webhooks,
  webhookPlugins,
} from "./webhooks/index.ts";

export interface ClusterOperatorOptions {
  readonly cluster: Cluster;
  readonly log: Logger;
  readonly registry: Registry;
  readonly signal: AbortSignal;
  /** Where the ConfigMap and the lease are. */
  readonly namespace: string;
  /** Absent: acts at once. */
  readonly election?: LeadershipOptions["election"];
  /** Absent: whoever runs it has installed everything. */
  readonly bootstrap?: BootstrapOptions | undefined;
  /** Absent: none are served. */
  readonly webhooks?: Pick<WebhookOptions, "target" | "port" | "namespace" | "drainMs" | "host"> | undefined;
  readonly operator?: Pick<OperatorOptions, "workers" | "drainMs">;
}

export interface ClusterOperator {
  /** undefined: ready; else what is waited for. */
  notReady(): string | undefined;
  readonly leadership: Pick<Leadership, "state" | "reason">;
  /** Rejects when it cannot go on: its port is taken. */
  readonly stopped: Promise<void>;
}

/** Without these nothing can be watched. */
const neededKinds: readonly ResourceType[] = [
  inferenceServices,
  servingRuntimes,
  clusterServingRuntimes,
  clusterStorageContainers,
  inferenceGraphs,
  trainedModels,
];

const gatewayKinds: readonly ResourceType[] = [resources.gatewayClasses, resources.gateways, resources.httpRoutes];

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });

const roles: Readonly<Record<LeadershipState, WebhookRole>> = {
  waiting: "follow",
  following: "follow",
  standby: "standby",
  preparing: "follow",
  leading: "lead",
};

/** Settles when the cluster serves other kinds of children than `known`. */
async function kindsChanged(options: ClusterOperatorOptions, kinds: KindWatch, operator: Operator): Promise<void> {
  const { cluster, signal, log } = options;
  const known = operator.kinds.join();
  const changed = Promise.withResolvers<void>();
  const look = async (): Promise<void> => {
    const served = await servedChildKinds(cluster).catch(() => undefined);
    if (served !== undefined && served.join() !== known) changed.resolve();
  };
  const end = kinds.onChange(optionalChildKinds, () => void look());
  // One that came while this operator started.
  await look();
  await Promise.race([changed.promise, aborted(signal)]);
  end();
  if (!signal.aborted) log.info({}, "Kinds came or went: watches start again");
}

interface State {
  operator?: Operator;
  webhooks?: Webhooks;
  /** Of the kinds that this operator installed, as a leader. */
  conversion?: ConversionClient;
  /** Why there is no operator yet. */
  waiting: string;
}

/** Operators one after the other, each for the kinds that are served in its time. */
async function runOperators(
  options: ClusterOperatorOptions,
  parts: { readonly kinds: KindWatch; readonly leadership: Leadership; readonly admission: AdmissionState },
  onStart: (operator: Operator) => void,
): Promise<void> {
  const { cluster, log, registry, signal, namespace } = options;
  while (!signal.aborted) {
    const generation = new AbortController();
    registry.clear();
    const operator = await untilDone({ what: "start watching", signal, log }, () =>
      startOperator({
        ...options.operator,
        cluster,
        log,
        namespace,
        metrics: registry,
        signal: AbortSignal.any([signal, generation.signal]),
        admission: parts.admission,
        leadership: parts.leadership,
      }),
    );
    if (operator === undefined) return;
    onStart(operator);
    await Promise.race([kindsChanged(options, parts.kinds, operator), operator.stopped]);
    generation.abort();
    await operator.stopped;
  }
}

/** Starts at once. */
export function startClusterOperator(options: ClusterOperatorOptions): ClusterOperator {
  const { cluster, log, signal } = options;
  const admission = createAdmissionState();
  const state: State = { waiting: "waiting for the API server" };
  const onError = (error: unknown): void => log.debug({ error }, "Cannot watch the kinds, will try again");
  const kinds = createKindWatch({ cluster, signal, onError });
  const served = Promise.withResolvers<Webhooks | undefined>();
  served.promise.catch(() => {});
  const preparation: Preparation = createPreparation({
    cluster,
    log,
    bootstrap: options.bootstrap,
    conversion: async () => {
      if (options.webhooks !== undefined) state.conversion = await conversionClient({ ...options.webhooks, cluster });
      return state.conversion;
    },
    served: () => kinds.served(options.bootstrap?.gateway === true ? [...neededKinds, ...gatewayKinds] : neededKinds),
    registeredEarly: async () => {
      // Of an earlier term: others may have written since.
      delete state.conversion;
      const onProblem = (error: unknown): void =>
        log.warn({ error }, "Cannot register the webhooks yet, will try again");
      await state.webhooks?.register().catch(onProblem);
    },
    registered: async (leadSignal) => {
      const webhooks = await Promise.race([served.promise, aborted(leadSignal)]);
      await webhooks?.register();
    },
  });
  const { election, namespace } = options;
  const handover = createHandover(cluster, log, async (isAsked) =>
    isAsked ? state.webhooks?.register() : state.webhooks?.tick(),
  );
  const onStandby = handover.look;
  const leadership = createLeadership({ cluster, log, signal, namespace, election, onStandby, ...preparation });
  const webhookRole = (): WebhookRole => {
    const role = roles[leadership.state()];
    return role === "standby" && handover.isAsked() ? "lead" : role;
  };

  const serveWebhooks = async (operator: Operator): Promise<void> => {
    const { webhooks } = options;
    if (webhooks === undefined || state.webhooks !== undefined) return served.resolve(state.webhooks);
    // Rules look at what is stored, so nothing is judged before it was read.
    const isSynced = await operator.synced.then(
      () => true,
      () => false,
    );
    if (!isSynced || signal.aborted) return;
    state.webhooks = await startWebhooks({
      ...webhooks,
      cluster,
      log,
      signal,
      plugins: webhookPlugins(admission, cluster),
      role: webhookRole,
      installed: () => (leadership.state() === "standby" ? undefined : state.conversion),
    });
    served.resolve(state.webhooks);
  };
  const run = async (): Promise<void> => {
    const failed = Promise.withResolvers<never>();
    await kinds.served(neededKinds, (missing) => {
      state.waiting = `waiting for ${missing.map(({ plural }) => plural).join(", ")}`;
    });
    // Whoever leads starts once, with every kind that it brings.
    if (leadership.state() === "preparing") await Promise.race([preparation.kindsInstalled, aborted(signal)]);
    const finishing = leadership.run(preparation.finish, signal);
    const operators = runOperators(options, { kinds, leadership, admission }, (operator) => {
      state.operator = operator;
      serveWebhooks(operator).catch(failed.reject);
    });
    await Promise.race([Promise.all([operators, finishing, leadership.stopped]), failed.promise]);
    await state.webhooks?.stopped;
  };
  const webhooksNotReady = (): string | undefined => {
    if (options.webhooks === undefined) return undefined;
    return state.webhooks === undefined ? "the webhooks start" : state.webhooks.notReady();
  };
  const leadershipNotReady = (): string | undefined => {
    const current = leadership.state();
    if (current === "waiting") return "waiting for the lease";
    if (current !== "preparing") return undefined;
    return state.operator === undefined ? state.waiting : "this operator prepares to lead";
  };
  const operatorNotReady = (): string | undefined =>
    state.operator === undefined ? state.waiting : state.operator.notReady();
  // Who was ready as a follower has webhooks that are registered. In an upgrade it is the only one that answers them while
  // it prepares to lead: without it the API server would ask a pod that is gone.
  // The same after a hand-over, in which they answered before they led.
  let isAsked = false;
  const notReady = (): string | undefined => {
    const isStandby = leadership.state() === "standby";
    const preparing = isAsked || isStandby ? undefined : (preparation.problem() ?? leadershipNotReady());
    const why = preparing ?? operatorNotReady() ?? webhooksNotReady();
    isAsked ||= why === undefined && webhookRole() !== "standby";
    // Beside KServe nothing is asked of us.
    return isStandby ? undefined : why;
  };
  return {
    notReady,
    leadership,
    stopped: run(),
  };
}
