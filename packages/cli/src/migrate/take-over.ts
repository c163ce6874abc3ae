// SPDX-License-Identifier: Apache-2.0
// `serval migrate kserve --apply`: KServe stops, Serval leads, and every service is as ready as before.
import {
  type AnyObject,
  type Deployment,
  type InferenceService,
  inferenceServices,
  resources,
  ServalError,
} from "@serval/api";
import type { Cluster } from "@serval/kube";
import { silentLogger } from "@serval/observe";
import { forecastAll, type ServiceForecast } from "@serval/operator/adoption/forecast.ts";
import { askForWebhooks } from "@serval/operator/adoption/handover.ts";
import { openView } from "@serval/operator/adoption/view.ts";
import { ensureKinds } from "@serval/operator/bootstrap/kinds.ts";
import { freeLease, holderOf, readLease } from "./lease.ts";
import { type Manager, podsOf, scale, servalKey } from "./managers.ts";
import { makePlan, type Plan } from "./plan.ts";
import {
  readConversions,
  readSaved,
  readWebhooks,
  restoreWebhooks,
  type SavedState,
  webhookTypeOf,
  writeSaved,
} from "./saved.ts";
import { runSteps, type StepContext, waitUntil } from "./steps.ts";

const isServing = ({ role }: Manager): boolean => role === "serving";

async function save({ cluster }: StepContext, { managers, services }: Plan): Promise<string> {
  const known = await readSaved(cluster);
  if (known !== undefined) return `kept from ${known.savedAt}`;
  const [webhooks, conversions] = [await readWebhooks(cluster), await readConversions(cluster)];
  await writeSaved(cluster, {
    savedAt: new Date().toISOString(),
    managers: managers
      .filter(isServing)
      .map(({ namespace, name, replicas, version }) => ({ namespace, name, replicas, version })),
    webhooks,
    conversions,
    ready: services.filter(({ isReady }) => isReady).map(({ service }) => service),
  });
  return `${webhooks.length} webhook configuration(s), ${Object.keys(conversions).length} conversion(s)`;
}

/** After a way back it is still there, without pods. */
async function startServal(context: StepContext): Promise<string> {
  const { cluster } = context;
  const stored = async () => (await cluster.get(resources.deployments, servalKey)) as Deployment;
  if ((await stored()).spec?.replicas === 0) await scale(cluster, servalKey, 1);
  await waitUntil(context, "Serval's pod is ready", async () =>
    ((await stored()).status?.readyReplicas ?? 0) > 0 ? undefined : "no pod is",
  );
  return "stands by";
}

/** What takes long is done while KServe's webhooks answer: its kinds keep every field and serve on. */
async function bringKinds({ cluster }: StepContext): Promise<string> {
  const done = await ensureKinds(cluster, { gateway: false });
  return `${done.filter(([, ensured]) => ensured !== "unchanged").length} of ${done.length} written`;
}

const servingPods = async ({ cluster }: StepContext, managers: readonly Manager[]) =>
  (await Promise.all(managers.filter(isServing).map((manager) => podsOf(cluster, manager)))).flat();

async function stopKserve(context: StepContext, managers: readonly Manager[]): Promise<string> {
  const { cluster } = context;
  for (const manager of managers.filter(isServing)) await scale(cluster, manager, 0);
  await waitUntil(context, "KServe's pods end", async () => {
    const pods = await servingPods(context, managers);
    return pods.length === 0 ? undefined : pods.map(({ metadata }) => metadata?.name).join(", ");
  });
  // Nobody is left who could hold it.
  await freeLease(cluster);
  return "0 pods";
}

const waitForLead = async (context: StepContext): Promise<string> => {
  await waitUntil(context, "Serval leads", async () => {
    const holder = holderOf(await readLease(context.cluster), new Date());
    return holder === "serval" ? undefined : `the lease is held by ${holder}`;
  });
  return (await readLease(context.cluster))?.spec?.holderIdentity ?? "";
};

interface Webhook {
  readonly name: string;
  readonly clientConfig: unknown;
}

const webhooksOf = (object: AnyObject | undefined): readonly Webhook[] => (object?.["webhooks"] ?? []) as Webhook[];

const isSaved = (saved: AnyObject, { name, clientConfig }: Webhook): boolean =>
  webhooksOf(saved).some(
    (one) => one.name === name && JSON.stringify(one.clientConfig) === JSON.stringify(clientConfig),
  );

/** What KServe would answer is another text: its own first sentence, without a code. */
const emptyService: InferenceService = {
  apiVersion: "serving.kserve.io/v1beta1",
  kind: "InferenceService",
  metadata: { name: "serval-migration-check", namespace: "default" },
  spec: { predictor: {} },
};
const servalsRefusal = /\n {2}\w+ spec\.predictor/;

/** undefined: the API server calls Serval, and is answered. */
async function notAnswered(cluster: Cluster): Promise<string | undefined> {
  try {
    await cluster.create(inferenceServices, emptyService, { dryRun: true });
    return "nobody refuses a service without a model";
  } catch (error) {
    const { message } = error as Error;
    return servalsRefusal.test(message) ? undefined : message;
  }
}

const stored = async (cluster: Cluster, saved: AnyObject): Promise<AnyObject | undefined> =>
  (await cluster.get(webhookTypeOf(saved), { name: saved.metadata.name ?? "" })) as AnyObject | undefined;

/** While KServe answers still: in the seconds in which its pods end, a write would be refused. */
async function moveWebhooks(context: StepContext, saved: SavedState, managers: readonly Manager[]): Promise<string> {
  const { cluster } = context;
  await askForWebhooks(cluster, true);
  try {
    await waitUntil(context, "Serval answers the webhooks", async () => {
      for (const each of saved.webhooks) {
        const now = webhooksOf(await stored(cluster, each));
        if (now.length > 0 && now.every((webhook) => isSaved(each, webhook)))
          return `${each.metadata.name} calls KServe`;
      }
      return notAnswered(cluster);
    });
  } catch (error) {
    // In a run that goes on after KServe has stopped, nobody would answer its own.
    if ((await servingPods(context, managers)).length === 0) throw error;
    await askForWebhooks(cluster, false);
    await restoreWebhooks(cluster, saved);
    throw error;
  }
  return `${saved.webhooks.length} configuration(s)`;
}

/** Webhooks that still call KServe: Serval has none of that name, and nobody answers any more. */
async function endOldWebhooks({ cluster }: StepContext, { webhooks }: SavedState): Promise<string> {
  await askForWebhooks(cluster, false);
  let removed = 0;
  for (const saved of webhooks) {
    const object = await stored(cluster, saved);
    const kept = webhooksOf(object).filter((webhook) => !isSaved(saved, webhook));
    if (object === undefined || kept.length === webhooksOf(object).length) continue;
    removed += webhooksOf(object).length - kept.length;
    await cluster.update(webhookTypeOf(saved), { ...object, webhooks: kept } as AnyObject);
  }
  return `${removed} without a counterpart`;
}

/** What of the services is not as it should be; undefined: nothing. Pure. */
export function unfinished(
  services: readonly ServiceForecast[],
  { ready }: Pick<SavedState, "ready">,
): string | undefined {
  for (const { service, isReady, objects } of services) {
    const open = objects.find(({ isKserves }) => isKserves);
    if (open !== undefined && ready.includes(service)) return `${open.object} of ${service} is not taken over`;
    if (!isReady && ready.includes(service)) return `${service} was Ready and is not`;
  }
  return undefined;
}

async function waitForServices(context: StepContext, saved: SavedState): Promise<string> {
  const { cluster } = context;
  const stop = new AbortController();
  try {
    const view = await openView({ cluster, log: silentLogger, signal: stop.signal });
    let services: readonly ServiceForecast[] = [];
    await waitUntil(context, "every service is taken over", async () => {
      services = await forecastAll(undefined, view);
      return unfinished(services, saved);
    });
    const objects = services.reduce((sum, service) => sum + service.objects.length, 0);
    return `${services.filter(({ isReady }) => isReady).length} of ${services.length} Ready, ${objects} objects, 0 pods replaced`;
  } finally {
    stop.abort();
  }
}

const requireSaved = async ({ cluster }: StepContext): Promise<SavedState> => {
  const saved = await readSaved(cluster);
  if (saved === undefined) throw new ServalError("MigrationBlocked", "What was saved before the take-over is gone");
  return saved;
};

/** @throws ServalError MigrationBlocked before anything changed, MigrationTimeout; run again, it goes on. */
export async function takeOver(context: StepContext): Promise<void> {
  const { cluster, say } = context;
  const plan = await makePlan(cluster);
  if (!plan.managers.some(isServing)) {
    say(`No KServe runs here. Serval ${plan.serval}.`);
    return;
  }
  if (plan.blockers.length > 0) throw new ServalError("MigrationBlocked", plan.blockers.join("\n"));
  await runSteps(context, [
    { title: "Saved for the way back", run: () => save(context, plan) },
    { title: "Serval started", run: () => startServal(context) },
    { title: "Kinds of this release", run: () => bringKinds(context) },
    {
      title: "Webhooks call Serval",
      run: async () => moveWebhooks(context, await requireSaved(context), plan.managers),
    },
    { title: "KServe stopped", run: () => stopKserve(context, plan.managers) },
    { title: "Serval leads", run: () => waitForLead(context) },
    { title: "Webhooks of KServe removed", run: async () => endOldWebhooks(context, await requireSaved(context)) },
    { title: "Services taken over", run: async () => waitForServices(context, await requireSaved(context)) },
  ]);
}
