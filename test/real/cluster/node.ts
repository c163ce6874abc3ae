// SPDX-License-Identifier: Apache-2.0
// Brings a cluster up inside its namespaces: files, components in their order, images, DNS. About ten seconds.
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Cluster, createCluster, loadKubeconfig, remoteTransport } from "@serval/kube";
import { type ComponentName, componentNames } from "./components.ts";
import {
  auditPolicy,
  containerdConfig,
  corefile,
  kubeletConfig,
  kubeProxyConfig,
  podNetwork,
  resolvConf,
} from "./config.ts";
import { dnsObjects } from "./dns.ts";
import { type Layout, nodeAddress, nodeName } from "./layout.ts";
import { writePki } from "./pki.ts";
import { type Placed, start, tailOf } from "./processes.ts";
import { until } from "./until.ts";

const run = promisify(execFile);

async function writeConfig({ layout, facts }: Placed): Promise<void> {
  const files: Readonly<Record<string, string>> = {
    "containerd.toml": containerdConfig(layout),
    "cni/10-pods.conflist": podNetwork(layout),
    "kubelet.yaml": kubeletConfig(layout, facts),
    "kube-proxy.yaml": kubeProxyConfig(layout, nodeName),
    Corefile: corefile(layout),
    "audit-policy.yaml": auditPolicy,
    "resolv.conf": resolvConf,
  };
  await mkdir(join(layout.config, "cni"), { recursive: true });
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(layout.config, name), text)));
}

/** Loads archives of images into the node. */
export async function importImages({ layout }: Placed, archives: readonly string[]): Promise<void> {
  for (const archive of archives)
    await run("ctr", ["--address", layout.containerdSocket, "--namespace", "k8s.io", "images", "import", archive]);
}

const isOk = async (cluster: Cluster, path: string): Promise<boolean> =>
  (await cluster.transport.send({ method: "GET", path })).status === 200;

interface WithConditions {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

async function isNode(cluster: Cluster, wanted: "True" | "Unknown"): Promise<boolean> {
  const answer = await cluster.transport.send({ method: "GET", path: `/api/v1/nodes/${nodeName}` });
  const { conditions = [] } = (answer.body as WithConditions).status ?? {};
  return conditions.some(({ type, status }) => type === "Ready" && status === wanted);
}

/** Waits until the node is ready, or nobody hears from it any more. */
export const nodeReady = (cluster: Cluster, wanted: "True" | "Unknown" = "True"): Promise<unknown> =>
  until(`node ${nodeName} to be Ready=${wanted}`, () => isNode(cluster, wanted));

const runtimeAnswers = ({ layout }: Placed): Promise<boolean> =>
  until("containerd to answer", async () => {
    await run("ctr", ["--address", layout.containerdSocket, "version"]);
    return true;
  });

/**
 * A node that was ended begins again, with what lies on its disk. kubelet gives up where its runtime is not there yet, and
 * is started again, as a machine's service manager does.
 */
export async function startNode(placed: Placed, cluster: Cluster): Promise<void> {
  await start(placed, "containerd");
  await runtimeAnswers(placed);
  await until(`node ${nodeName} to be back`, async () => {
    await start(placed, "kubelet");
    return isNode(cluster, "True");
  });
}

async function startPhases(placed: Placed, cluster: Cluster, images: readonly string[]): Promise<void> {
  const begin = (...names: ComponentName[]) => Promise.all(names.map((name) => start(placed, name)));
  await begin("etcd", "containerd", "kube-apiserver");
  const imported = runtimeAnswers(placed).then(() => importImages(placed, images));
  // A failure of either is told once; the other's must not be unhandled.
  imported.catch(() => {});
  await until("kube-apiserver to be ready", () => isOk(cluster, "/readyz"));
  await begin("kube-controller-manager", "kube-scheduler", "kube-proxy", "coredns");
  for (const { type, object } of dnsObjects) await cluster.create(type, object);
  await imported;
  await begin("kubelet");
  await nodeReady(cluster);
  await until("the default service account", () => isOk(cluster, "/api/v1/namespaces/default/serviceaccounts/default"));
  await until("DNS", async () => (await fetch(`http://${nodeAddress}:8181/ready`)).ok);
}

export const clusterOf = async ({ kubeconfig }: Layout, userAgent: string): Promise<Cluster> =>
  createCluster(remoteTransport(await loadKubeconfig(kubeconfig)), userAgent);

/** @param images archives that every pod of the tests may need. @throws Error with the ends of all logs. */
export async function bringUp(placed: Placed, images: readonly string[]): Promise<void> {
  await writePki(placed.layout);
  await writeConfig(placed);
  await writeFile(placed.layout.facts, JSON.stringify(placed.facts));
  const cluster = await clusterOf(placed.layout, "serval-test");
  try {
    await startPhases(placed, cluster, images);
  } catch (error) {
    const tails = await Promise.all(componentNames.map(async (name) => `--- ${name}\n${await tailOf(placed, name)}`));
    throw new Error(`The cluster does not start: ${(error as Error).message}\n${tails.join("\n")}`, { cause: error });
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}
