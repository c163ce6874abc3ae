// SPDX-License-Identifier: Apache-2.0
// `serval operator`: the operator against any Kubernetes API, one leader among several, and the webhooks that its API
// server calls.
import { hostname } from "node:os";
import { images, imagesIn, kserveNamespace, systemNamespace } from "@serval/api";
import { type ClusterAccess, createCluster, defaultAccess, loadKubeconfig, remoteTransport } from "@serval/kube";
import { createLogger, Registry, startMetricsServer } from "@serval/observe";
import {
  type BootstrapOptions,
  type ClusterOperatorOptions,
  leaderIdentity,
  startClusterOperator,
  webhookServiceName,
} from "@serval/operator";
import { type Invocation, type Io, UsageError } from "../command.ts";
import { installedRuntimes } from "../install/runtimes.ts";
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
  if (given === undefined && !isInPod(flags, env)) return undefined;
  return { target: { service: { name: webhookServiceName, namespace } }, port: Number(given ?? defaultWebhookPort) };
}

const isInPod = (flags: Flags, env: NodeJS.ProcessEnv): boolean =>
  flags["kubeconfig"] === undefined && env["KUBERNETES_SERVICE_HOST"] !== undefined;

/** @throws UsageError */
function isTrue(flags: Flags, name: string, otherwise: boolean): boolean {
  const value = flags[name];
  if (value === undefined) return otherwise;
  if (value !== "true" && value !== "false") throw new UsageError(`--${name} "${value}" is not true or false`);
  return value === "true";
}

/** What the operator brings; undefined: nothing. @throws UsageError */
export function bootstrapOf(flags: Flags, env: NodeJS.ProcessEnv): BootstrapOptions | undefined {
  const gateway = isTrue(flags, "gateway", true);
  if (!isTrue(flags, "install", isInPod(flags, env))) return undefined;
  const { repository, "image-tag": tag } = flags;
  const named = repository === undefined && tag === undefined ? images : imagesIn(repository ?? "serval", tag);
  return { images: named, gateway, runtimes: installedRuntimes(named) };
}

/** `--leader-elect` alone means true, as in KServe's manifests. */
const withValues = (args: readonly string[]): string[] =>
  args.map((arg, index) =>
    arg === "--leader-elect" && !["true", "false"].includes(args[index + 1] ?? "") ? "--leader-elect=true" : arg,
  );

const accessOf = (flags: Flags, env: NodeJS.ProcessEnv): Promise<ClusterAccess> =>
  flags["kubeconfig"] === undefined ? defaultAccess(env) : loadKubeconfig(flags["kubeconfig"]);

type Settings = Pick<ClusterOperatorOptions, "bootstrap" | "election" | "namespace" | "operator" | "webhooks">;

/** @throws UsageError */
function settingsOf(flags: Flags, env: NodeJS.ProcessEnv): Settings {
  const home = flags["system-namespace"] ?? env["POD_NAMESPACE"] ?? systemNamespace;
  const place = webhookPlace(flags, env, home);
  const drain = place !== undefined && "service" in place.target ? drainMs : 0;
  return {
    namespace: flags["namespace"] ?? kserveNamespace,
    bootstrap: bootstrapOf(flags, env),
    election: isTrue(flags, "leader-elect", true) ? { identity: leaderIdentity(hostname()) } : undefined,
    webhooks: place === undefined ? undefined : { ...place, namespace: home, drainMs: drain },
    operator: flags["workers"] === undefined ? {} : { workers: Number(flags["workers"]) },
  };
}

/** @throws UsageError */
function parsed({ raw }: Invocation, env: NodeJS.ProcessEnv) {
  const flags = roleFlags(withValues(raw), Object.keys(operatorFlags));
  const level = flags["log-level"] ?? "info";
  if (!logLevels.includes(level)) throw new UsageError(`--log-level "${level}" is none of ${logLevels.join(", ")}`);
  const metrics = flags["metrics-addr"] ?? env["METRICS_ADDR"] ?? "127.0.0.1:0";
  const health = flags["health-addr"] ?? flags["health-probe-addr"] ?? env["HEALTH_PROBE_ADDR"];
  return {
    flags,
    level,
    settings: settingsOf(flags, env),
    addresses: [
      addressOf("metrics-addr", metrics),
      ...(health === undefined ? [] : [addressOf("health-addr", health)]),
    ],
  };
}

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const { flags, level, settings, addresses } = parsed(invocation, io.env);
  const stop = stopSignal();
  const log = createLogger({ component: "operator", level });
  const cluster = createCluster(remoteTransport(await accessOf(flags, io.env)), "serval-operator");
  const abort = new AbortController();
  const { signal } = abort;
  const registry = new Registry();
  const operator = startClusterOperator({ ...settings, cluster, log, registry, signal });
  // A failure meanwhile is met below.
  operator.stopped.catch(() => {});
  const { notReady } = operator;
  const servers = await Promise.all(addresses.map((address) => startMetricsServer({ registry, notReady, ...address })));
  log.info({ metrics: servers[0]?.url, webhooks: settings.webhooks?.target }, "operator started");
  try {
    await Promise.race([stop, operator.stopped]);
    abort.abort();
    await operator.stopped;
  } finally {
    abort.abort();
    await Promise.all(servers.map((server) => server.close()));
    await cluster[Symbol.asyncDispose]();
  }
  log.info({}, "operator stopped");
  return 0;
}
