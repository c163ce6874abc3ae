// SPDX-License-Identifier: Apache-2.0
// `serval gateway`: the front door as a process of its own.
import { defaultMaxRequestBytes, leaveAtOnce, leaveService, runGateway } from "@serval/data-plane";
import { createCluster, defaultAccess, loadKubeconfig, remoteTransport } from "@serval/kube";
import { createLogger } from "@serval/observe";
import { CommandError, type Invocation, type Io, UsageError } from "../command.ts";
import { apiReady, endRole, roleFlags, stopSignal } from "../role.ts";

/** @throws UsageError */
function frontOf(text: string | undefined): { namespace: string; name: string } | undefined {
  if (text === undefined) return undefined;
  const [namespace, name, ...rest] = text.split("/");
  if (!namespace || !name || rest.length > 0)
    throw new UsageError(`--service "${text}" is not NAMESPACE/NAME; try serval-system/serval-gateway`);
  return { namespace, name };
}

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const flags = roleFlags(invocation.raw, ["kubeconfig", "port", "host", "service", "max-request-bytes"]);
  const log = createLogger({ component: "gateway" });
  const stopped = stopSignal();
  const isStopped = await Promise.race([apiReady().then(() => false), stopped.then(() => true)]);
  if (isStopped) return endRole();
  const access =
    flags["kubeconfig"] === undefined ? await defaultAccess(io.env) : await loadKubeconfig(flags["kubeconfig"]);
  const isPod = flags["kubeconfig"] === undefined && io.env["KUBERNETES_SERVICE_HOST"] !== undefined;
  const cluster = createCluster(remoteTransport(access), "serval-gateway");
  const abort = new AbortController();
  const front = frontOf(flags["service"]);
  const port = Number(flags["port"] ?? 8080);
  const gateway = await runGateway({
    cluster,
    port,
    host: flags["host"] ?? "127.0.0.1",
    maxRequestBytes: Number(flags["max-request-bytes"] ?? defaultMaxRequestBytes),
    leave: isPod ? leaveService : leaveAtOnce,
    ...(front === undefined ? {} : { front }),
    serviceAddresses: process.send !== undefined,
    signal: abort.signal,
    log,
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE") throw error;
    throw new CommandError(
      `Cannot listen on port ${port}: another program uses it\nFix: stop that program, or choose another port with --port N`,
    );
  });
  log.info({ port: gateway.server.port }, "gateway ready");
  process.send?.({ ready: true });
  await stopped;
  abort.abort();
  await gateway.stopped;
  await cluster[Symbol.asyncDispose]();
  return endRole();
}
