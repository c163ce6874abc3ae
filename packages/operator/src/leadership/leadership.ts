// SPDX-License-Identifier: Apache-2.0
// Who acts: one of the operators, and none of them while KServe does. What has to be true before anybody acts is prepared
// by whoever leads; whatever acts is started and ended with the lead, again and again.
import { type Lease, resources } from "@serval/api";
import { type Cluster, createEventRecorder, type LeaderOptions, runAsLeader } from "@serval/kube";
import type { Logger } from "@serval/observe";
import { untilDone } from "../patience.ts";
import { existingControllerName, existingControllerRuns } from "./existing-controller.ts";
import { isServalIdentity, leaseName } from "./lease.ts";

/** `following`: another Serval leads. `standby`: KServe acts. `preparing`: we lead, and do not act yet. */
export type LeadershipState = "waiting" | "following" | "standby" | "preparing" | "leading";

export type Act = (signal: AbortSignal) => Promise<void>;

export interface Leadership {
  state(): LeadershipState;
  /** Why nothing is done here: who else acts. */
  readonly reason: string | undefined;
  /** Runs `act` whenever we lead, until the signal. Settles when it has ended for the last time. */
  run(act: Act, signal: AbortSignal): Promise<void>;
  /** Settles when the lease was given up after the signal. */
  readonly stopped: Promise<void>;
}

export interface LeadershipOptions {
  readonly cluster: Cluster;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Where the lease is. */
  readonly namespace: string;
  /** Absent: we lead at once. */
  readonly election?: Pick<LeaderOptions, "identity" | "leaseMs" | "renewDeadlineMs" | "retryMs"> | undefined;
  /** Before the lease is asked for. */
  readonly beforeElection?: (signal: AbortSignal) => Promise<void>;
  /** After it was taken and before anything acts; tries again by itself. */
  readonly prepare: Act;
  /** At every look at the lease while KServe acts. */
  readonly onStandby?: () => void;
}

const ended = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** Tells who waits for the lead that it has begun. */
function createGate() {
  let lead: AbortSignal | undefined;
  let opened = Promise.withResolvers<void>();
  const acts = new Set<Promise<void>>();
  return {
    open: (signal: AbortSignal): void => {
      lead = signal;
      opened.resolve();
    },
    /** Settles when everything that acts has ended. */
    close: async (): Promise<void> => {
      lead = undefined;
      opened = Promise.withResolvers<void>();
      await Promise.allSettled(acts);
    },
    async run(act: Act, signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        await Promise.race([opened.promise, ended(signal)]);
        if (signal.aborted || lead === undefined) continue;
        const both = AbortSignal.any([lead, signal]);
        const acting = act(both);
        acts.add(acting);
        try {
          await acting;
          await ended(both);
        } finally {
          acts.delete(acting);
        }
      }
    },
  };
}

/** Says it where people look: in the log and beside the lease, once per reason. */
function createTelling({ cluster, log }: LeadershipOptions) {
  const onError = (error: unknown): void => log.debug({ error }, "Cannot record an event");
  const events = createEventRecorder(cluster, { component: "serval-operator", onError });
  let told: string | undefined;
  return (reason: string, lease?: Lease): void => {
    if (told === reason) return;
    told = reason;
    log.info({ reason }, "Serval stands by and changes nothing");
    if (lease !== undefined)
      events.record(lease, "Normal", "ServalStandsBy", `${reason}: Serval stands by and changes nothing`);
  };
}

/** Starts at once. */
export function createLeadership(options: LeadershipOptions): Leadership {
  const { cluster, log, signal, namespace, election, prepare } = options;
  const gate = createGate();
  const tell = createTelling(options);
  let state: LeadershipState = "waiting";
  let reason: string | undefined;
  const standBy = (why: string, lease?: Lease): void => {
    [state, reason] = ["standby", why];
    tell(why, lease);
    options.onStandby?.();
  };
  const onWaiting = (lease: Lease): void => {
    const holder = lease.spec?.holderIdentity ?? "";
    if (isServalIdentity(holder)) [state, reason] = ["following", `${holder} leads`];
    else standBy(`${holder} holds the lease ${namespace}/${leaseName}`, lease);
  };
  const mayLead = async (): Promise<boolean> => {
    if (!(await existingControllerRuns(cluster))) return true;
    const lease = await cluster.get(resources.leases, { namespace, name: leaseName });
    standBy(`Deployment ${namespace}/${existingControllerName} has ready replicas`, lease);
    return false;
  };
  const lead: Act = async (leadSignal) => {
    [state, reason] = ["preparing", undefined];
    log.info({}, "This operator leads");
    await prepare(leadSignal);
    if (!leadSignal.aborted) {
      state = "leading";
      gate.open(leadSignal);
      await ended(leadSignal);
    }
    state = "waiting";
    await gate.close();
    if (!signal.aborted)
      log.warn({ lease: `${namespace}/${leaseName}` }, "The lead was lost, this operator waits for it");
  };
  const elect = async (): Promise<void> => {
    await options.beforeElection?.(signal);
    if (election === undefined) return lead(signal);
    const onError = (error: unknown): void => log.warn({ error }, "Cannot ask for the lease, will try again");
    while (!signal.aborted)
      await runAsLeader(
        cluster,
        { ...election, namespace, name: leaseName, signal, onError, onWaiting, mayLead },
        lead,
      );
  };
  return {
    state: () => state,
    get reason() {
      return reason;
    },
    run: gate.run,
    stopped: untilDone({ what: "take part in the election", signal, log }, elect).then(() => {}),
  };
}
