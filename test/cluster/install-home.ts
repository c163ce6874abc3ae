// SPDX-License-Identifier: Apache-2.0
// A real Kubernetes API with its controllers, where Serval is installed by its manifest and its processes run under the
// accounts and roles of that manifest. What they ask for is read back from the audit log.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Pod, resources } from "@serval/api";
import { type Cluster, createInformer, expectSuccess } from "@serval/kube";
import { servalBin } from "../../packages/cli/src/serval-bin.ts";
import { type ControllerManager, startControllerManager } from "../golden/homes/controller-manager.ts";
import { patient } from "../patience.ts";
import { freePort, type RealApiServer, startRealApiServer } from "./kube-apiserver.ts";
import { kubectlFor, type Told } from "./webhook-home.ts";

export const manifest = fileURLToPath(new URL("../../deploy/serval.yaml", import.meta.url));
/** Polls what cannot be waited for. */
export const until = patient({ ms: 120_000, pollMs: 100, isForgiving: true });

export interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly resource: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly apiGroup?: string;
  };
  readonly responseStatus?: { readonly code: number; readonly message?: string };
}

export interface Role {
  readonly child: ChildProcess;
  /** Lines of its log so far. */
  log(): string;
  /** The readiness answer: `200 ok`, `503 why`, or `-` for none. */
  readiness(): Promise<string>;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface InstallHome {
  readonly server: RealApiServer;
  readonly cluster: Cluster;
  kubectl(args: readonly string[], input?: unknown): Promise<Told>;
  /** kubectl that must succeed; its output. */
  done(args: readonly string[], input?: unknown): Promise<string>;
  operator(args?: readonly string[]): Promise<Role>;
  gateway(): Promise<Role>;
  /** What an account of serval-system asked for since `from` (an index of the whole log). */
  audit(account: string, from?: number): Promise<AuditEvent[]>;
  auditLength(): Promise<number>;
  close(): Promise<void>;
}

const username = (account: string): string => `system:serviceaccount:serval-system:${account}`;

const auditPolicy = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata", userGroups: ["system:serviceaccounts:serval-system"] }, { level: "None" }],
};

/** A kubeconfig with a token of the account, as a pod has one. */
export async function kubeconfigOf(server: RealApiServer, dir: string, account: string): Promise<string> {
  const path = `/api/v1/namespaces/serval-system/serviceaccounts/${account}/token`;
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
  const answer = expectSuccess(await server.cluster.transport.send({ method: "POST", path, body }));
  const { token } = (answer.body as { status: { token: string } }).status;
  const config = JSON.parse(await readFile(server.kubeconfig, "utf8")) as { users: { user: unknown }[] };
  const [user] = config.users;
  if (user !== undefined) user.user = { token };
  const file = join(dir, `${account}.kubeconfig`);
  await writeFile(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

function launch(args: readonly string[], health: string): Role {
  const child = spawn(process.execPath, [servalBin, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.removeListener("exit", kill));
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
  return {
    child,
    log: () => text,
    readiness: () =>
      fetch(health).then(
        async (answer) => `${answer.status} ${await answer.text()}`,
        () => "-",
      ),
    stop: (signal = "SIGTERM") =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve(child.exitCode);
        child.once("exit", resolve);
        child.kill(signal);
      }),
  };
}

/** Plays kubelet and scheduler: pods are ready as soon as they are made, but for those labelled `test: broken`. */
function playKubelet(cluster: Cluster, signal: AbortSignal): void {
  const pods = createInformer(cluster, resources.pods, { signal });
  pods.onChange(({ type, object }) => {
    if (type === "deleted" || object.status?.phase === "Running") return;
    void makeReady(cluster, object).catch(() => {});
  });
}

async function makeReady(cluster: Cluster, pod: Pod): Promise<void> {
  const { name = "", namespace } = pod.metadata;
  if (pod.metadata.deletionTimestamp !== undefined)
    return cluster.delete(resources.pods, { namespace, name }, { gracePeriodSeconds: 0 });
  const now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map((type) => ({
    type,
    status: "True",
    lastTransitionTime: now,
  }));
  const containerStatuses = (pod.spec?.containers ?? []).map((container) => ({
    name: container.name,
    image: container.image,
    imageID: "",
    ready: true,
    restartCount: 0,
    state: { running: { startedAt: now } },
  }));
  const body = { status: { phase: "Running", podIP: "127.0.0.1", conditions, containerStatuses } };
  await cluster.patch(resources.pods, { namespace, name }, { type: "merge", body }, { subresource: "status" });
}

async function auditFiles(dir: string) {
  const [policy, log] = [join(dir, "policy.json"), join(dir, "audit.log")];
  await writeFile(policy, JSON.stringify(auditPolicy));
  return { log, args: [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`] };
}

async function readAudit(file: string): Promise<AuditEvent[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  // The last line may be half written.
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AuditEvent);
}

/** @param assets from `findAssets(["kube-apiserver", "kube-controller-manager"])`. */
export async function startInstallHome(assets: string): Promise<InstallHome> {
  const dir = await mkdtemp(join(tmpdir(), "serval-install-"));
  const ending = new AbortController();
  const roles: Role[] = [];
  const audit = await auditFiles(dir);
  const server = await startRealApiServer(assets, audit.args, { serviceAccounts: true });
  const manager: ControllerManager = startControllerManager(assets, server.kubeconfig);
  const kubectl = await kubectlFor(server.kubeconfig);
  playKubelet(server.cluster, ending.signal);
  const run: InstallHome["kubectl"] = (args, input) => {
    if (kubectl === undefined) throw new Error("there is no kubectl for this platform");
    return kubectl(args, input);
  };
  const start = (args: readonly string[], health: string): Role => {
    const role = launch(args, health);
    roles.push(role);
    return role;
  };
  return {
    server,
    cluster: server.cluster,
    kubectl: run,
    async done(args, input) {
      const { code, stdout, stderr } = await run(args, input);
      if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr}`);
      return stdout;
    },
    async operator(args = []) {
      const [port, health] = [await freePort(), await freePort()];
      const kubeconfig = await kubeconfigOf(server, dir, "serval-operator");
      return start(
        [
          ...["operator", "--kubeconfig", kubeconfig, "--install=true", `--webhook-url=https://127.0.0.1:${port}`],
          ...[`--health-addr=127.0.0.1:${health}`, "--system-namespace=serval-system", ...args],
        ],
        `http://127.0.0.1:${health}/readyz`,
      );
    },
    async gateway() {
      const port = await freePort();
      const kubeconfig = await kubeconfigOf(server, dir, "serval-gateway");
      const args = ["gateway", "--kubeconfig", kubeconfig, "--port", `${port}`];
      return start(args, `http://127.0.0.1:${port}/-/readyz`);
    },
    audit: async (account, from = 0) =>
      (await readAudit(audit.log)).slice(from).filter(({ user }) => user.username === username(account)),
    auditLength: async () => (await readAudit(audit.log)).length,
    async close() {
      ending.abort();
      await Promise.all(roles.map((role) => role.stop("SIGKILL")));
      await manager.close();
      await server.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Waits until it answers `200`. @throws with its log when it ends instead. */
export const untilReady = (role: Role): Promise<true> =>
  until("readiness", async () => {
    if (role.child.exitCode !== null) throw new Error(`it ended:\n${role.log()}`);
    const answer = await role.readiness();
    if (answer.startsWith("200")) return true as const;
    throw new Error(`${answer}\n${role.log().split("\n").slice(-20).join("\n")}`);
  });
