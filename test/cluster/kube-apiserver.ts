// SPDX-License-Identifier: Apache-2.0
// A real kube-apiserver with etcd for tests, on loopback, gone when it is closed. Its commands are found by the
// KUBEBUILDER_ASSETS convention, or built once into the cache folder (build.sh) where Go is there.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { resources } from "@serval/api";
import { loadPki, type Pki } from "@serval/embedded/pki/index.ts";
import { type Cluster, type ClusterAccess, createCluster, remoteTransport } from "@serval/kube";

const run = promisify(execFile);
const kubernetesVersion = "v1.34.3";
const startTimeoutMs = 90_000;

export interface RealApiServer {
  readonly access: ClusterAccess;
  readonly cluster: Cluster;
  /** For kubectl and other processes. */
  readonly kubeconfig: string;
  readonly apiServerPid: number;
  readonly etcdPid: number;
  /** `kill -9` and a new process; resolves when it answers. */
  restart(): Promise<void>;
  /** etcd forgets every state before the present one: watches from older versions are answered 410. */
  compact(): Promise<void>;
  close(): Promise<void>;
}

export const cacheDir = (): string =>
  process.env["SERVAL_CACHE_DIR"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "serval");

/** Folder with kube-apiserver and etcd; a string that starts with "skip:" says why there is none. */
export async function findAssets(commands: readonly string[] = ["kube-apiserver"]): Promise<string> {
  const named = process.env["KUBEBUILDER_ASSETS"];
  if (named !== undefined && named !== "") return named;
  const dir = join(cacheDir(), `kubernetes-${kubernetesVersion}`);
  const present = await Promise.all(
    [...commands, "etcd"].map((command) =>
      access(join(dir, command)).then(
        () => true,
        () => false,
      ),
    ),
  );
  if (present.every(Boolean)) return dir;
  if (process.platform !== "linux") return "skip: a real kube-apiserver is built on Linux only; set KUBEBUILDER_ASSETS";
  const hasGo = await run("go", ["version"]).then(
    () => true,
    () => false,
  );
  if (!hasGo) return "skip: Go is needed to build kube-apiserver; set KUBEBUILDER_ASSETS or install Go 1.24";
  await mkdir(dir, { recursive: true });
  await run("bash", [new URL("./build.sh", import.meta.url).pathname, dir, ...commands], {
    maxBuffer: 1 << 26,
    env: { ...process.env, KUBE_VERSION: kubernetesVersion },
  });
  return dir;
}

/** Of loopback; somebody else may take it before it is used. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

function launch(command: string, args: string[], logPath: string): ChildProcess {
  const child = spawn("bash", ["-c", 'exec "$@" >>"$SERVAL_LOG" 2>&1', "bash", command, ...args], {
    stdio: "ignore",
    env: { ...process.env, SERVAL_LOG: logPath },
  });
  // A test process that dies must not leave servers behind.
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.removeListener("exit", kill));
  return child;
}

async function untilReady(cluster: Cluster, children: readonly ChildProcess[], logPath: string): Promise<void> {
  const deadline = performance.now() + startTimeoutMs;
  while (performance.now() < deadline) {
    if (children.some(({ exitCode }) => exitCode !== null)) break;
    const answer = await cluster.transport.send({ method: "GET", path: "/readyz" }).catch(() => undefined);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(
    `kube-apiserver did not get ready:\n${(await readFile(logPath, "utf8").catch(() => "")).split("\n").slice(-15).join("\n")}`,
  );
}

async function writeFiles(dir: string, pki: Pki): Promise<Record<"ca" | "cert" | "key" | "saKey" | "saPub", string>> {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const files = { ca: pki.ca.cert, cert: pki.serving.cert, key: pki.serving.key, saKey: privateKey, saPub: publicKey };
  const paths = Object.fromEntries(Object.keys(files).map((name) => [name, join(dir, `${name}.pem`)])) as Record<
    keyof typeof files,
    string
  >;
  for (const [name, content] of Object.entries(files))
    await writeFile(paths[name as keyof typeof files], content, { mode: 0o600 });
  return paths;
}

function kubeconfigText(access: ClusterAccess): string {
  const base64 = (text: string | undefined): string => Buffer.from(text ?? "").toString("base64");
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
    clusters: [{ name: "test", cluster: { server: access.server, "certificate-authority-data": base64(access.ca) } }],
    users: [
      {
        name: "admin",
        user: { "client-certificate-data": base64(access.cert), "client-key-data": base64(access.key) },
      },
    ],
  });
}

export interface RealApiServerOptions {
  /** Pods get their service account, as in every cluster; something must make the account `default` then. */
  readonly serviceAccounts?: boolean;
}

/** @param assets from `findAssets`. @param extraArgs of kube-apiserver. */
export async function startRealApiServer(
  assets: string,
  extraArgs: readonly string[] = [],
  { serviceAccounts = false }: RealApiServerOptions = {},
): Promise<RealApiServer> {
  const dir = await mkdtemp(join(tmpdir(), "serval-kube-"));
  const [etcdPort, peerPort, port] = await Promise.all([freePort(), freePort(), freePort()]);
  const pki = await loadPki(join(dir, "pki"));
  const files = await writeFiles(dir, pki);
  const log = join(dir, "log");
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const etcd = launch(
    join(assets, "etcd"),
    [
      "--data-dir",
      join(dir, "etcd"),
      "--listen-client-urls",
      etcdUrl,
      "--advertise-client-urls",
      etcdUrl,
      "--listen-peer-urls",
      peerUrl,
      "--initial-advertise-peer-urls",
      peerUrl,
      "--initial-cluster",
      `default=${peerUrl}`,
      "--unsafe-no-fsync",
    ],
    log,
  );
  const startApiServer = (): ChildProcess =>
    launch(
      join(assets, "kube-apiserver"),
      [
        `--etcd-servers=${etcdUrl}`,
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        `--secure-port=${port}`,
        `--tls-cert-file=${files.cert}`,
        `--tls-private-key-file=${files.key}`,
        `--client-ca-file=${files.ca}`,
        `--service-account-key-file=${files.saPub}`,
        `--service-account-signing-key-file=${files.saKey}`,
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--authorization-mode=RBAC",
        "--allow-privileged",
        "--endpoint-reconciler-type=none",
        // Where the controllers that would make service accounts do not run.
        ...(serviceAccounts ? [] : ["--disable-admission-plugins=ServiceAccount"]),
        ...extraArgs,
      ],
      log,
    );
  let apiServer = startApiServer();
  const access: ClusterAccess = {
    server: `https://127.0.0.1:${port}`,
    ca: pki.ca.cert,
    cert: pki.admin.cert,
    key: pki.admin.key,
  };
  const cluster = createCluster(remoteTransport(access), "serval-test");
  const kubeconfig = join(dir, "kubeconfig");
  await writeFile(kubeconfig, kubeconfigText(access), { mode: 0o600 });
  const end = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  };
  const close = async (): Promise<void> => {
    await cluster[Symbol.asyncDispose]();
    for (const child of [apiServer, etcd]) await end(child);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await untilReady(cluster, [etcd, apiServer], log);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    access,
    cluster,
    kubeconfig,
    apiServerPid: apiServer.pid as number,
    etcdPid: etcd.pid as number,
    async restart() {
      await end(apiServer);
      apiServer = startApiServer();
      await untilReady(cluster, [etcd, apiServer], log);
    },
    async compact() {
      const { resourceVersion } = await cluster.list(resources.namespaces, { limit: 1 });
      const body = JSON.stringify({ revision: resourceVersion, physical: true });
      const answer = await fetch(`${etcdUrl}/v3/kv/compaction`, { method: "POST", body });
      if (!answer.ok) throw new Error(`etcd: ${await answer.text()}`);
    },
    close,
  };
}

/** A name that no other test uses. */
export const uniqueName = (prefix: string): string =>
  `${prefix}-${createHash("sha256").update(randomBytes(8)).digest("hex").slice(0, 8)}`;
