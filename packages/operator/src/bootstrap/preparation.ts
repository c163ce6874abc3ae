// SPDX-License-Identifier: Apache-2.0
// What a leader does before it acts: kinds, then the webhooks' registration, then what passes through them.

import { type ConversionClient, resources } from "@serval/api";
import type { Cluster } from "@serval/kube";
import type { Logger } from "@serval/observe";
import type { Act } from "../leadership/leadership.ts";
import { untilDone } from "../patience.ts";
import { type BootstrapOptions, installDefaults, installKinds } from "./bootstrap.ts";
import { kserveNamespaceObject } from "./defaults.ts";
import { type Ensured, ensureExists } from "./ensure.ts";
import type { EnsuredObjects } from "./kinds.ts";

export interface PreparationOptions {
  readonly cluster: Cluster;
  readonly log: Logger;
  /** Absent: whoever runs the operator has installed everything. */
  readonly bootstrap?: BootstrapOptions | undefined;
  /** Who converts kinds with several versions; undefined: nobody. */
  readonly conversion: () => Promise<ConversionClient | undefined>;
  /** Settles when the cluster serves what was installed. */
  readonly served: () => Promise<void>;
  /** Registers webhooks that answer already: those of an operator that stood by, when the other controller has gone. */
  readonly registeredEarly: () => Promise<void>;
  /** Registers the webhooks once they answer. */
  readonly registered: (signal: AbortSignal) => Promise<void>;
}

export interface Preparation {
  /** Before the lease is asked for, which is in a namespace that a fresh cluster does not have. */
  readonly beforeElection: Act;
  readonly prepare: Act;
  /** While we lead: what was refused before the webhooks answered is tried again. */
  readonly finish: Act;
  /** Settles when this operator has brought every kind, as a leader. */
  readonly kindsInstalled: Promise<void>;
  problem(): string | undefined;
}

const silent: ReadonlySet<Ensured> = new Set(["unchanged", "foreign"]);

function tell(log: Logger, what: string, done: EnsuredObjects): void {
  const changes = Map.groupBy(
    done.filter(([, ensured]) => !silent.has(ensured)),
    ([, ensured]) => ensured,
  );
  const names = [...changes].map(([how, objects]) => [how, objects.map(([name]) => name)] as const);
  if (names.length > 0) log.info(Object.fromEntries(names), what);
}

export function createPreparation(options: PreparationOptions): Preparation {
  const { cluster, log, bootstrap, served, registered } = options;
  let problem: string | undefined;
  let hasDefaults = true;
  const kindsInstalled = Promise.withResolvers<void>();
  const patiently = async (what: string, signal: AbortSignal, attempt: () => Promise<unknown>): Promise<void> => {
    const onProblem = (found: string | undefined): void => {
      problem = found;
    };
    await untilDone({ what, signal, log, onProblem }, attempt);
  };
  const defaults = async (options: BootstrapOptions): Promise<void> =>
    tell(log, "Defaults are installed", await installDefaults(cluster, options));
  return {
    problem: () => problem,
    kindsInstalled: kindsInstalled.promise,
    beforeElection: async (signal) => {
      if (bootstrap === undefined) return;
      await patiently("make the namespace of the lease", signal, () =>
        ensureExists(cluster, resources.namespaces, kserveNamespaceObject),
      );
    },
    prepare: async (signal) => {
      // Until then the other controller's registrations refuse every write, and kinds take seconds.
      await options.registeredEarly();
      if (bootstrap !== undefined)
        await patiently("install the kinds", signal, async () =>
          tell(log, "Kinds are installed", await installKinds(cluster, bootstrap, await options.conversion())),
        );
      await served();
      kindsInstalled.resolve();
      await registered(signal);
      if (bootstrap === undefined || signal.aborted) return;
      // Objects of ours pass our own webhooks, which an operator without a second one answers only once it is ready.
      hasDefaults = await defaults(bootstrap).then(
        () => true,
        (error: unknown) => {
          log.warn({ error }, "Cannot install the defaults yet, will try again");
          return false;
        },
      );
    },
    finish: async (signal) => {
      if (hasDefaults || bootstrap === undefined) return;
      await untilDone({ what: "install the defaults", signal, log }, () => defaults(bootstrap));
      hasDefaults = true;
    },
  };
}
