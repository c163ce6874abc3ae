// SPDX-License-Identifier: Apache-2.0
// A real kube-apiserver whose webhooks are the operator's own, in this process, reached over HTTPS by URL.
import { execFile } from "node:child_process";
import { parseConfig, resources, servingCrds } from "@serval/api";
import { type Cluster, createCluster, remoteTransport } from "@serval/kube";
import { silentLogger } from "@serval/observe";
import {
  createAdmissionState,
  startOperator,
  startWebhooks,
  type WebhookOptions,
  type Webhooks,
  webhookPlugins,
} from "@serval/operator";
import { kubectlPath } from "../kubectl.ts";
import { patient } from "../patience.ts";
import { freePort, type RealApiServer, startRealApiServer } from "./kube-apiserver.ts";

/** Polls what cannot be waited for: the state of an API server. */
export const until = patient({ ms: 30_000, pollMs: 50, isForgiving: false });

export interface RunningOperator {
  readonly webhooks: Webhooks;
  stop(): Promise<void>;
}

export type WebhookSettings = Partial<Pick<WebhookOptions, "policy" | "tickMs" | "now">>;

/** One operator with its webhooks at `port`, ready when this returns. */
export async function runOperator(
  server: RealApiServer,
  port: number,
  settings: WebhookSettings = {},
): Promise<RunningOperator> {
  const ending = new AbortController();
  const { signal } = ending;
  const cluster = createCluster(remoteTransport(server.access), "serval-operator");
  const admission = createAdmissionState(parseConfig(undefined).config);
  const operator = await startOperator({ cluster, log: silentLogger, signal, admission, drainMs: 0 });
  await operator.synced;
  const webhooks = await startWebhooks({
    cluster,
    plugins: webhookPlugins(admission, cluster),
    namespace: "kserve",
    target: { url: `https://127.0.0.1:${port}` },
    host: "127.0.0.1",
    port,
    signal,
    log: silentLogger,
    ...settings,
  });
  await until("the webhooks' readiness", () => webhooks.notReady() === undefined || undefined);
  return {
    webhooks,
    async stop() {
      ending.abort();
      await Promise.all([operator.stopped, webhooks.stopped]);
      await cluster[Symbol.asyncDispose]();
    },
  };
}

export interface Told {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** kubectl as a user; `undefined` where this machine has none. */
export async function kubectlFor(
  kubeconfig: string,
): Promise<((args: readonly string[], input?: unknown) => Promise<Told>) | undefined> {
  const kubectl = await kubectlPath();
  if (kubectl === undefined) return undefined;
  return (args, input) =>
    new Promise((resolve) => {
      const child = execFile(kubectl, ["--kubeconfig", kubeconfig, ...args], (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
      );
      child.stdin?.end(input === undefined ? "" : JSON.stringify(input));
    });
}

async function installCrds(cluster: Cluster): Promise<void> {
  const type = resources.customResourceDefinitions;
  for (const crd of servingCrds()) await cluster.apply(type, crd, { fieldManager: "install", force: true });
  for (const { metadata } of servingCrds())
    await until(`establishing ${metadata.name}`, async () => {
      const stored = (await cluster.get(type, { name: metadata.name ?? "" })) as unknown as {
        status?: { conditions?: { type: string; status: string }[] | null };
      };
      return (
        stored.status?.conditions?.some(({ type: kind, status }) => kind === "Established" && status === "True") ||
        undefined
      );
    });
}

export interface WebhookHome {
  readonly server: RealApiServer;
  readonly port: number;
}

/** The server with our kinds and the operator's namespace; no operator runs yet. */
export async function startWebhookHome(assets: string, extraArgs: readonly string[] = []): Promise<WebhookHome> {
  const server = await startRealApiServer(assets, extraArgs);
  try {
    await installCrds(server.cluster);
    const metadata = { name: "kserve" };
    await server.cluster.create(resources.namespaces, { apiVersion: "v1", kind: "Namespace", metadata });
    return { server, port: await freePort() };
  } catch (error) {
    await server.close();
    throw error;
  }
}
