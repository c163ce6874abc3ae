// SPDX-License-Identifier: Apache-2.0
// What an operator is measured on: etcd, kube-apiserver with an audit log of that operator alone, kube-controller-manager.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type AnyObject, type ResourceType, resources } from "@serval/api";
import { type Cluster, expectSuccess } from "@serval/kube";
import { findAssets, type RealApiServer, startRealApiServer } from "../../test/cluster/kube-apiserver.ts";
import { AuditLog } from "./audit.ts";

export const benchNamespace = "bench";
export const apply = { fieldManager: "bench", force: true } as const;
const tokenSeconds = 86_400;
const pollMs = 50;

/** Of the service account that the operator under measurement has. */
export interface Account {
  readonly namespace: string;
  readonly name: string;
}

export interface ControlPlane {
  readonly api: RealApiServer;
  readonly cluster: Cluster;
  readonly managerPid: number;
  readonly audit: AuditLog;
  /** For logs and certificates; gone with the control plane. */
  readonly dir: string;
  close(): Promise<void>;
}

/** Polls what cannot be waited for. @throws Error after the deadline. */
export async function until<T>(
  what: string,
  test: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 300_000,
): Promise<T> {
  for (const end = performance.now() + timeoutMs; ; ) {
    const found = await test();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

const controllers = [
  "deployment-controller",
  "replicaset-controller",
  "serviceaccount-controller",
  "namespace-controller",
  "garbage-collector-controller",
];

async function startManager(assets: string, api: RealApiServer, dir: string): Promise<ChildProcess> {
  const log = await open(join(dir, "kube-controller-manager.log"), "w");
  const keys = dirname(api.kubeconfig);
  const child = spawn(
    join(assets, "kube-controller-manager"),
    [
      `--kubeconfig=${api.kubeconfig}`,
      `--controllers=${controllers.join(",")}`,
      `--service-account-private-key-file=${join(keys, "saKey.pem")}`,
      `--root-ca-file=${join(keys, "ca.pem")}`,
      "--leader-elect=false",
      "--bind-address=127.0.0.1",
      "--secure-port=0",
      "--kube-api-qps=300",
      "--kube-api-burst=600",
    ],
    { stdio: ["ignore", log.fd, log.fd] },
  );
  await log.close();
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.removeListener("exit", kill));
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

const username = ({ namespace, name }: Account): string => `system:serviceaccount:${namespace}:${name}`;

/** A watch is counted when it is answered, everything else when it is done: both stages are kept. */
const auditPolicy = (account: Account) => ({
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata", users: [username(account)] }, { level: "None" }],
});

/** @throws Error with the reason when this machine has no kube-apiserver. */
export async function startControlPlane(account: Account): Promise<ControlPlane> {
  const assets = await findAssets(["kube-apiserver", "kube-controller-manager"]);
  if (assets.startsWith("skip:")) throw new Error(assets);
  const dir = await mkdtemp(join(tmpdir(), "serval-bench-"));
  const [policy, auditFile] = [join(dir, "policy.json"), join(dir, "audit.log")];
  await writeFile(policy, JSON.stringify(auditPolicy(account)));
  const args = [`--audit-policy-file=${policy}`, `--audit-log-path=${auditFile}`, "--audit-log-maxsize=4000"];
  const api = await startRealApiServer(assets, args, { serviceAccounts: true });
  const manager = await startManager(assets, api, dir);
  return {
    api,
    cluster: api.cluster,
    managerPid: manager.pid as number,
    audit: new AuditLog(auditFile),
    dir,
    async close() {
      await end(manager);
      await api.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** The namespace that the services are in, once Kubernetes has made its account: pods need it. */
export async function prepareNamespace({ cluster }: ControlPlane, name: string): Promise<void> {
  await cluster.apply(resources.namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } }, apply);
  const key = { namespace: name, name: "default" };
  await until(`the account of ${name}`, () => cluster.get(resources.serviceAccounts, key));
}

/** Resolves when the API answers for a kind that was just defined. */
export const untilServed = (cluster: Cluster, type: ResourceType): Promise<true> =>
  until(`${type.plural} served`, () =>
    cluster.list(type, { limit: 1 }).then(
      () => true as const,
      () => undefined,
    ),
  );

/** Makes the account where it is missing. @returns path of a kubeconfig with its token, as its pod would have one. */
export async function kubeconfigOf({ api, cluster, dir }: ControlPlane, account: Account): Promise<string> {
  const object = { apiVersion: "v1", kind: "ServiceAccount", metadata: { ...account } } as AnyObject;
  await cluster.apply(resources.serviceAccounts as unknown as ResourceType<AnyObject>, object, apply);
  const path = `/api/v1/namespaces/${account.namespace}/serviceaccounts/${account.name}/token`;
  const spec = { expirationSeconds: tokenSeconds };
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
  const answer = expectSuccess(await cluster.transport.send({ method: "POST", path, body }));
  const { token } = (answer.body as { status: { token: string } }).status;
  const config = JSON.parse(await readFile(api.kubeconfig, "utf8")) as { users: { user: unknown }[] };
  const file = join(dir, `${account.name}.kubeconfig`);
  const users = config.users.map((user) => ({ ...user, user: { token } }));
  await writeFile(file, JSON.stringify({ ...config, users }), { mode: 0o600 });
  return file;
}
