// SPDX-License-Identifier: Apache-2.0
// `serval operator`: the operator against any Kubernetes API, one leader among several, and the webhooks that its API
// server calls.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import {
  type Cluster,
  type ClusterAccess,
  createCluster,
  defaultAccess,
  loadKubeconfig,
  remoteTransport,
} from "@serval/kube";
import { createLogger, type Logger, Registry, startMetricsServer } from "@serval/observe";
import {
  type AdmissionState,
  createAdmissionState,
  startOperator,
  startWebhooks,
  type Webhooks,
  webhookPlugins,
  webhookServiceName,
} from "@serval/operator";
import { type Invocation, type Io, UsageError } from "../command.ts";
import { roleFlags, stopSignal } from "../role.ts";
import { operatorFlags } from "./operator-flags.ts";

type Flags = Readonly<Record<string, string | undefined>>;

/** Endpoints of a Service are forgotten by its callers within this time: a stopping operator answers that long. */
const drainMs = 5_000;
const defaultWebhookPort = 9443;
const logLevels: readonly string[] = ["debug", "info", "warn", "error"];

/** @throws UsageError */
function addressOf(flag: string, text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(":");
  const port = Number(text.slice(colon + 1));
  if (colon < 0 || !isPort(port)) throw new UsageError(`--${flag} "${text}" is not HOST:PORT; try 127.0.0.1:8080`);
  const host = text.slice(0, colon).replace(/^\[|\]$/g, "");
  // As Kubernetes' own components read it: ":8080" is every address.
  return { host: host === "" ? "::" : host, port };
}

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535;

interface WebhookPlace {
  readonly port: number;
  readonly target:
    | { readonly url: string }
    | { readonly service: { readonly name: string; readonly namespace: string } };
}

/**
 * Where webhooks are served; undefined: nowhere. Without a URL the cluster calls a Service, which only finds an operator
 * that is one of its pods. @throws UsageError.
 */
export function webhookPlace(flags: Flags, env: NodeJS.ProcessEnv, namespace: string): WebhookPlace | undefined {
  const { "webhook-url": url, "webhook-port": given } = flags;
  if (given !== undefined && !isPort(Number(given))) throw new UsageError(`--webhook-port "${given}" is not a port`);
  if (given === "0") return undefined;
  if (url !== undefined) {
    if (!URL.canParse(url) || new URL(url).protocol !== "https:")
      throw new UsageError(`--webhook-url "${url}" is not an https:// URL; API servers call nothing else`);
    return { target: { url }, port: Number(given ?? (new URL(url).port || 443)) };
  }
  const isPod = flags["kubeconfig"] === undefined && env["KUBERNETES_SERVICE_HOST"] !== undefined;
  if (given === undefined && !isPod) return undefined;
  return { target: { service: { name: webhookServiceName, namespace } }, port: Number(given ?? defaultWebhookPort) };
}

/** `--leader-elect` alone means true, as in KServe's manifests. */
const withValues = (args: readonly string[]): string[] =>
  args.map((arg, index) =>
    arg === "--leader-elect" && !["true", "false"].includes(args[index + 1] ?? "") ? "--leader-elect=true" : arg,
  );

const accessOf = (flags: Flags, env: NodeJS.ProcessEnv): Promise<ClusterAccess> =>
  flags["kubeconfig"] === undefined ? defaultAccess(env) : loadKubeconfig(flags["kubeconfig"]);

interface WebhookInput {
  readonly place: WebhookPlace;
  readonly cluster: Cluster;
  readonly admission: AdmissionState;
  readonly namespace: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const serveWebhooks = ({ place, admission, ...given }: WebhookInput): Promise<Webhooks> =>
  startWebhooks({
    ...given,
    ...place,
    plugins: webhookPlugins(admission, given.cluster),
    drainMs: "service" in place.target ? drainMs : 0,
  });

/** @throws UsageError */
function parsed({ raw }: Invocation, env: NodeJS.ProcessEnv) {
  const flags = roleFlags(withValues(raw), Object.keys(operatorFlags));
  const level = flags["log-level"] ?? "info";
  if (!logLevels.includes(level)) throw new UsageError(`--log-level "${level}" is none of ${logLevels.join(", ")}`);
  const namespace = flags["namespace"] ?? env["POD_NAMESPACE"] ?? "kserve";
  const metrics = flags["metrics-addr"] ?? env["METRICS_ADDR"] ?? "127.0.0.1:0";
  const health = flags["health-addr"] ?? flags["health-probe-addr"] ?? env["HEALTH_PROBE_ADDR"];
  return {
    flags,
    level,
    namespace,
    place: webhookPlace(flags, env, namespace),
    addresses: [
      addressOf("metrics-addr", metrics),
      ...(health === undefined ? [] : [addressOf("health-addr", health)]),
    ],
  };
}

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const { flags, level, namespace, place, addresses } = parsed(invocation, io.env);
  const stop = stopSignal();
  const log = createLogger({ component: "operator", level });
  const cluster = createCluster(remoteTransport(await accessOf(flags, io.env)), "serval-operator");
  const abort = new AbortController();
  const { signal } = abort;
  const registry = new Registry();
  const admission = createAdmissionState();
  const operator = await startOperator({
    cluster,
    log,
    metrics: registry,
    signal,
    namespace,
    admission,
    ...(flags["leader-elect"] === "false" ? {} : { leaderElection: { identity: `${hostname()}_${randomUUID()}` } }),
    ...(flags["workers"] === undefined ? {} : { workers: Number(flags["workers"]) }),
  });
  let webhooks: Webhooks | undefined;
  const webhooksNotReady = (): string | undefined =>
    place === undefined ? undefined : webhooks === undefined ? "the webhooks start" : webhooks.notReady();
  const notReady = (): string | undefined => operator.notReady() ?? webhooksNotReady();
  const servers = await Promise.all(addresses.map((address) => startMetricsServer({ registry, notReady, ...address })));
  log.info({ metrics: servers[0]?.url, webhooks: place }, "operator started");
  // Rules look at what is stored, so nothing is judged before it was read.
  const isSynced = await Promise.race([operator.synced.then(() => true), stop.then(() => false)]);
  if (isSynced && place !== undefined)
    webhooks = await serveWebhooks({ place, cluster, admission, namespace, log, signal });
  await stop;
  abort.abort();
  await Promise.all([operator.stopped, webhooks?.stopped]);
  await Promise.all(servers.map((server) => server.close()));
  await cluster[Symbol.asyncDispose]();
  log.info({}, "operator stopped");
  return 0;
}
