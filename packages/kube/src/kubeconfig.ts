// SPDX-License-Identifier: Apache-2.0
// Where a cluster is and who we are there: kubeconfig files and the service account of a pod.
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parse } from "yaml";

/** What a connection needs. PEM texts; `token` is re-read from `tokenFile` when that is set. */
export interface ClusterAccess {
  readonly server: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly insecureSkipTlsVerify?: boolean;
  /** Of the current context. */
  readonly namespace?: string;
}

interface Named {
  name: string;
  [section: string]: unknown;
}

const section = (entries: unknown, name: string | undefined, field: string): Record<string, string | boolean> => {
  const entry = ((entries ?? []) as Named[]).find((candidate) => candidate.name === name);
  return (entry?.[field] ?? {}) as Record<string, string | boolean>;
};

/** PEM text from `<field>-data` (base64) or `<field>` (a path, relative to the file). */
async function pem(from: Record<string, string | boolean>, field: string, dir: string): Promise<string | undefined> {
  const data = from[`${field}-data`];
  if (typeof data === "string" && data !== "") return Buffer.from(data, "base64").toString("utf8");
  const path = from[field];
  return typeof path === "string" && path !== "" ? readFile(resolve(dir, path), "utf8") : undefined;
}

const withDefined = <T extends object>(values: { [K in keyof T]: T[K] | undefined }): T =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;

/**
 * Access from a kubeconfig file's current context (or `context`).
 *
 * @throws Error naming the file and the missing part; exec and auth-provider plug-ins are refused by name.
 */
export async function loadKubeconfig(path: string, context?: string): Promise<ClusterAccess> {
  const config = parse(await readFile(path, "utf8")) as Record<string, unknown> | null;
  const contextName = context ?? (config?.["current-context"] as string | undefined);
  const current = section(config?.["contexts"], contextName, "context");
  const cluster = section(config?.["clusters"], current["cluster"] as string, "cluster");
  const user = section(config?.["users"], current["user"] as string, "user");
  const server = cluster["server"];
  if (typeof server !== "string") {
    throw new Error(`Cannot use kubeconfig "${path}": context "${contextName ?? ""}" names no cluster with a server`);
  }
  for (const plugin of ["exec", "auth-provider"]) {
    if (user[plugin] !== undefined && user["token"] === undefined && user["client-certificate-data"] === undefined) {
      throw new Error(
        `Cannot use kubeconfig "${path}": user "${String(current["user"])}" needs an ${plugin} plug-in, which is not supported; use a token or a client certificate`,
      );
    }
  }
  const dir = dirname(resolve(path));
  return withDefined<ClusterAccess>({
    server: server.replace(/\/$/, ""),
    ca: await pem(cluster, "certificate-authority", dir),
    cert: await pem(user, "client-certificate", dir),
    key: await pem(user, "client-key", dir),
    token: user["token"] as string | undefined,
    tokenFile: typeof user["tokenFile"] === "string" ? resolve(dir, user["tokenFile"]) : undefined,
    insecureSkipTlsVerify: cluster["insecure-skip-tls-verify"] as boolean | undefined,
    namespace: current["namespace"] as string | undefined,
  });
}

const accountDir = "/var/run/secrets/kubernetes.io/serviceaccount";

/** The service account of the pod we run in; undefined outside a cluster. */
export async function inClusterAccess(env: NodeJS.ProcessEnv): Promise<ClusterAccess | undefined> {
  const host = env["KUBERNETES_SERVICE_HOST"];
  const port = env["KUBERNETES_SERVICE_PORT"];
  if (host === undefined || port === undefined) return undefined;
  const [ca, namespace] = await Promise.all([
    readFile(join(accountDir, "ca.crt"), "utf8"),
    readFile(join(accountDir, "namespace"), "utf8"),
  ]);
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  return { server, ca, namespace, tokenFile: join(accountDir, "token") };
}

/** kubectl's order: `KUBECONFIG` (first file), the pod's service account, `~/.kube/config`. */
export async function defaultAccess(env: NodeJS.ProcessEnv): Promise<ClusterAccess> {
  const named = env["KUBECONFIG"]?.split(":")[0];
  if (named !== undefined && named !== "") return loadKubeconfig(named);
  return (await inClusterAccess(env)) ?? loadKubeconfig(join(homedir(), ".kube", "config"));
}
