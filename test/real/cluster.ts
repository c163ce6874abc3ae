// SPDX-License-Identifier: Apache-2.0
// What a story has of the real cluster that it runs in: kubectl, the API, addresses, and Serval installed.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Cluster } from "@serval/kube";
import { kubectlPath } from "../kubectl.ts";
import { clusterVariable } from "./cluster/entry.ts";
import { clusterOf } from "./cluster/node.ts";
import { type Placed, placedIn } from "./cluster/processes.ts";
import { until } from "./cluster/until.ts";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));
export const systemNamespace = "serval-system";
export const gatewayUrl = `http://serval-gateway.${systemNamespace}.svc.cluster.local`;

/** For `describe`: these stories need the cluster that main.ts starts. */
export const onCluster: { readonly skip: string | false } = {
  skip: process.env[clusterVariable] === undefined ? "run by npm run test:cluster" : false,
};

export interface Told {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RealCluster extends AsyncDisposable {
  readonly placed: Placed;
  readonly cluster: Cluster;
  /** Whatever it answers. */
  tell(args: readonly string[], input?: string): Promise<Told>;
  /** @returns standard output. @throws Error with kubectl's own words. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
}

/** @throws Error outside a cluster's namespaces. */
export async function realCluster(): Promise<RealCluster> {
  const placed = await placedIn(process.env[clusterVariable] as string);
  const kubectl = await kubectlPath();
  if (kubectl === undefined) throw new Error("kubectl has no build for this platform");
  const cluster = await clusterOf(placed.layout, "serval-test");
  const tell = (args: readonly string[], input?: string): Promise<Told> =>
    new Promise((resolve) => {
      const all = ["--kubeconfig", placed.layout.kubeconfig, ...args];
      const child = execFile(kubectl, all, { cwd: root, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
      );
      // A command that ends without reading says why in its own words.
      child.stdin?.on("error", () => {});
      if (input === undefined) child.stdin?.destroy();
      else child.stdin?.end(input);
    });
  return {
    placed,
    cluster,
    tell,
    async kubectl(args, input) {
      const { code, stdout, stderr } = await tell(args, input);
      if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr}${stdout}`);
      return stdout;
    },
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

export const manifest = "deploy/serval.yaml";

/** Serval as its page says; already there: nothing changes. */
export async function install(real: RealCluster): Promise<void> {
  await real.kubectl(["apply", "--server-side", "-f", manifest]);
  await installed(real);
}

/** Waits for what `kubectl apply` began. */
export async function installed(real: RealCluster): Promise<void> {
  const wait = ["wait", "--for=condition=Available", "--timeout=180s", "-n", systemNamespace, "deployment", "--all"];
  await real.kubectl(wait);
  // kubectl cannot wait for an object that is not made yet.
  await until("the gateway to be there", async () => {
    const { code } = await real.tell(["get", "gateway", "-n", "kserve", "kserve-ingress-gateway"]);
    return code === 0;
  });
  await real.kubectl(["wait", "--for=condition=Programmed", "--timeout=60s", "-n", "kserve", "gateway", "--all"]);
}

export interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** `kubectl wait` for Ready. @returns seconds. @throws Error with the status, as a user would look at it. */
export async function ready(real: RealCluster, { namespace, name }: Named, seconds = 180): Promise<number> {
  const startedAt = performance.now();
  const wait = ["wait", "--for=condition=Ready", `isvc/${name}`, "-n", namespace, `--timeout=${seconds}s`];
  const { code, stderr } = await real.tell(wait);
  if (code === 0) return (performance.now() - startedAt) / 1000;
  const status = await real.tell(["get", "isvc", name, "-n", namespace, "-o", "jsonpath={.status}"]);
  const around = await real.tell(["get", "pods,httproutes", "-n", namespace, "-o", "wide"]);
  throw new Error(`${stderr}${status.stdout}\n${around.stdout}`);
}

/** One field of a service, by kubectl's path. */
export const field = (real: RealCluster, { namespace, name }: Named, path: string): Promise<string> =>
  real.kubectl(["get", "isvc", name, "-n", namespace, "-o", `jsonpath={${path}}`]);

/** Runtimes ask for a whole processor for each pod; the node has few, and the examples need little. */
export const small = "resources: { requests: { cpu: 20m, memory: 64Mi } }";

/** An example as a user of this cluster would write it: its model lies in the claim `models`, and it asks for little. */
export async function example(path: string): Promise<string> {
  const text = await readFile(join(root, "examples", path), "utf8");
  return text.replaceAll(
    /^( *)storageUri: file:\/\/\/examples\/models\/(.*)$/gm,
    `$1storageUri: pvc://models/$2\n$1${small}`,
  );
}

/** A namespace of a story's own with a claim `models`, which is this machine's examples/models, read only. */
export async function namespaceWithModels(real: RealCluster, name: string): Promise<void> {
  const claim = { accessModes: ["ReadOnlyMany"], resources: { requests: { storage: "1Gi" } }, storageClassName: "" };
  const { resources: _wanted, ...kept } = claim;
  const objects = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name } },
    {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: `models-${name}` },
      spec: {
        ...kept,
        capacity: { storage: "1Gi" },
        hostPath: { path: join(root, "examples/models") },
        claimRef: { namespace: name, name: "models" },
      },
    },
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "models", namespace: name },
      spec: { ...claim, volumeName: `models-${name}` },
    },
  ];
  await real.kubectl(["apply", "-f", "-"], objects.map((object) => JSON.stringify(object)).join("\n---\n"));
}

/** Serval installed, and a namespace of the story's own with the example models. */
export async function startStory(namespace: string): Promise<RealCluster> {
  const real = await realCluster();
  await install(real);
  await namespaceWithModels(real, namespace);
  return real;
}

/** The same with one service of the examples, ready. */
export async function startServing(named: Named): Promise<RealCluster> {
  const real = await startStory(named.namespace);
  const yaml = await example(`quickstart/${named.name}.yaml`);
  await real.kubectl(["apply", "-n", named.namespace, "-f", "-"], yaml);
  await ready(real, named);
  return real;
}

export async function endStory(real: RealCluster, namespace: string): Promise<void> {
  await removeNamespace(real, namespace);
  await real[Symbol.asyncDispose]();
}

/** Everything of a story, its services first so that the claim is free. */
export async function removeNamespace(real: RealCluster, name: string): Promise<void> {
  await real.kubectl(["delete", "namespace", name, "--ignore-not-found", "--timeout=120s"]);
  await real.kubectl(["delete", "persistentvolume", `models-${name}`, "--ignore-not-found", "--timeout=60s"]);
}
