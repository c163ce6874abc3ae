// SPDX-License-Identifier: Apache-2.0
// `serval operator`: the operator against any Kubernetes API, one leader among several.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { createCluster, defaultAccess, loadKubeconfig, remoteTransport } from "@serval/kube";
import { createLogger, Registry, startMetricsServer } from "@serval/observe";
import { startOperator } from "@serval/operator";
import type { Invocation, Io } from "../command.ts";
import { roleFlags, stopSignal } from "../role.ts";

const portOf = (address: string): { host: string; port: number } => {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon) || "127.0.0.1", port: Number(address.slice(colon + 1)) };
};

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const flags = roleFlags(invocation.raw, [
    "kubeconfig",
    "metrics-addr",
    "health-probe-addr",
    "leader-elect",
    "workers",
  ]);
  const log = createLogger({ component: "operator" });
  const access =
    flags["kubeconfig"] === undefined ? await defaultAccess(io.env) : await loadKubeconfig(flags["kubeconfig"]);
  const cluster = createCluster(remoteTransport(access), "serval-operator");
  const abort = new AbortController();
  const registry = new Registry();
  const operator = await startOperator({
    cluster,
    log,
    metrics: registry,
    signal: abort.signal,
    namespace: io.env["POD_NAMESPACE"] ?? "kserve",
    ...(flags["leader-elect"] === "false" ? {} : { leaderElection: { identity: `${hostname()}_${randomUUID()}` } }),
    ...(flags["workers"] === undefined ? {} : { workers: Number(flags["workers"]) }),
  });
  const addresses = [
    flags["metrics-addr"] ?? io.env["METRICS_ADDR"] ?? "127.0.0.1:0",
    flags["health-probe-addr"] ?? io.env["HEALTH_PROBE_ADDR"],
  ].filter((a) => a !== undefined);
  const servers = await Promise.all(
    addresses.map((address) => startMetricsServer({ registry, notReady: operator.notReady, ...portOf(address) })),
  );
  log.info({ metrics: servers[0]?.url }, "operator started");
  await stopSignal();
  abort.abort();
  await operator.stopped;
  await Promise.all(servers.map((server) => server.close()));
  await cluster[Symbol.asyncDispose]();
  log.info({}, "operator stopped");
  return 0;
}
