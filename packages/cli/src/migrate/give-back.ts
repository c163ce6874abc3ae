// SPDX-License-Identifier: Apache-2.0
// `serval migrate kserve --back`: Serval stops, KServe leads again and finds nothing to change. Webhooks are answered all
// the time: Serval's until KServe's pods are ready, then those.
import { inferenceServices, resources, ServalError } from "@serval/api";
import { silentLogger } from "@serval/observe";
import { askForWebhooks } from "@serval/operator/adoption/handover.ts";
import { returnAll, unreturnable } from "@serval/operator/adoption/return-all.ts";
import { openView } from "@serval/operator/adoption/view.ts";
import { type HeldLease, holderOf, holdLease, readLease, renewDeadlineMs } from "./lease.ts";
import { scale, servalKey } from "./managers.ts";
import { dropSaved, readSaved, restoreWebhooks, type SavedState } from "./saved.ts";
import { runSteps, type StepContext, waitUntil } from "./steps.ts";

/** Caches of everything that is to be prepared. */
async function withView<T>(
  { cluster }: StepContext,
  use: (view: Awaited<ReturnType<typeof openView>>) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  try {
    return await use(await openView({ cluster, log: silentLogger, signal: stop.signal }));
  } finally {
    stop.abort();
  }
}

async function refuse(context: StepContext): Promise<void> {
  const names = await withView(context, unreturnable);
  if (names.length > 0)
    throw new ServalError(
      "MigrationBlocked",
      `KServe does not know canaryTrafficPercent outside Knative, and would move all traffic to pods that do not run yet: ${names.join(", ")}`,
      {
        fix: "End a canary first: promote it or roll it back. After a promotion the predictor may run as NAME-predictor-2: one more canary, promoted, moves it to NAME-predictor, which KServe knows",
      },
    );
}

/** From now on nobody acts: a holder that has lost the lease gives up within its deadline. */
async function takeLease(context: StepContext): Promise<HeldLease> {
  const held = await holdLease(context.cluster);
  await waitUntil(context, "Serval stops acting", async () =>
    performance.now() - held.since > renewDeadlineMs + 2_000 ? undefined : "its deadline of renewal",
  );
  return held;
}

async function prepare(context: StepContext): Promise<string> {
  const counts = { same: 0, rewritten: 0, left: 0 };
  const left: string[] = [];
  await withView(context, (deps) =>
    returnAll({
      cluster: context.cluster,
      deps,
      deadlineMs: context.deadlineMs,
      onDone: ({ object, return: result }) => {
        counts[result] += 1;
        if (result === "left") left.push(object);
      },
    }),
  );
  const rest = left.length === 0 ? "" : `, unknown to KServe: ${left.join(", ")}`;
  return `${counts.same} Deployment(s) as they are, ${counts.rewritten} rewritten, 0 pods replaced${rest}`;
}

async function startKserve(context: StepContext, { managers }: SavedState): Promise<string> {
  const { cluster } = context;
  for (const manager of managers) await scale(cluster, manager, manager.replicas);
  await waitUntil(context, "KServe's pods are ready", async () => {
    for (const { namespace, name, replicas } of managers) {
      const stored = await cluster.get(resources.deployments, { namespace, name });
      if ((stored?.status?.readyReplicas ?? 0) < Math.min(1, replicas)) return `${namespace}/${name}`;
    }
    return undefined;
  });
  return managers.map(({ namespace, name, replicas }) => `${namespace}/${name} ${replicas}`).join(", ");
}

async function stopServal(context: StepContext): Promise<string> {
  const { cluster } = context;
  await scale(cluster, servalKey, 0);
  await waitUntil(context, "Serval's pods end", async () => {
    const { status } = (await cluster.get(resources.deployments, servalKey)) ?? {};
    return (status?.replicas ?? 0) === 0 ? undefined : `${status?.replicas} left`;
  });
  return "0 pods";
}

async function waitForKserve(context: StepContext, { ready }: SavedState): Promise<string> {
  const { cluster } = context;
  await waitUntil(context, "KServe leads", async () => {
    const holder = holderOf(await readLease(cluster), new Date());
    return holder === "other" ? undefined : `the lease is held by ${holder}`;
  });
  let count = 0;
  await waitUntil(context, "services are Ready", async () => {
    const { items } = await cluster.list(inferenceServices);
    const isReady = ({ status }: (typeof items)[number]): boolean =>
      status?.conditions?.some((one) => one.type === "Ready" && one.status === "True") === true;
    const waiting = items.filter(
      (isvc) => ready.includes(`${isvc.metadata.namespace}/${isvc.metadata.name}`) && !isReady(isvc),
    );
    count = items.filter(isReady).length;
    return waiting.length === 0 ? undefined : waiting.map(({ metadata }) => metadata.name).join(", ");
  });
  return `${count} service(s) Ready`;
}

/** @throws ServalError MigrationBlocked before anything changed, MigrationTimeout; run again, it goes on. */
export async function giveBack(context: StepContext): Promise<void> {
  const { cluster } = context;
  const saved = await readSaved(cluster);
  if (saved === undefined)
    throw new ServalError(
      "MigrationBlocked",
      "Nothing was taken over here: there is no ConfigMap serval-system/serval-migration",
    );
  await refuse(context);
  let held: HeldLease | undefined;
  try {
    await runSteps(context, [
      {
        title: "Neither acts",
        run: async () => {
          // An operator that stands by would register its webhooks again.
          await askForWebhooks(cluster, false);
          held = await takeLease(context);
          return "this command holds the lease";
        },
      },
      { title: "Deployments as KServe writes them", run: () => prepare(context) },
      { title: "KServe started", run: () => startKserve(context, saved) },
      {
        title: "Webhooks call KServe",
        run: async () => {
          await restoreWebhooks(cluster, saved);
          return `${saved.webhooks.length} configuration(s)`;
        },
      },
      { title: "Serval stopped", run: () => stopServal(context) },
    ]);
  } finally {
    await held?.release();
  }
  await runSteps(context, [
    { title: "KServe leads", run: () => waitForKserve(context, saved) },
    {
      title: "Forgotten",
      run: async () => {
        await dropSaved(cluster);
        return "what was saved";
      },
    },
  ]);
}
