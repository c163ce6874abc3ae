// SPDX-License-Identifier: Apache-2.0
// What the operator is measured on: a real API server with an audit log, kube-controller-manager, and Serval's kinds.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AnyObject,
  type CustomResourceDefinition,
  clusterServingRuntimes,
  defaultConfigMap,
  inferenceServices,
  type ResourceType,
  resources,
  servingCrds,
} from "@serval/api";
import gatewayApiCrds from "@serval/api/core/gateway-api-crds.gen.json" with { type: "json" };
import type { Cluster } from "@serval/kube";
import { findAssets, type RealApiServer, startRealApiServer } from "../../test/cluster/kube-apiserver.ts";

const auditPolicy = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived", "ResponseStarted"],
  rules: [{ level: "Metadata" }],
};
export const benchNamespace = "bench";
const apply = { fieldManager: "bench", force: true };

export interface ControlPlane {
  readonly api: RealApiServer;
  readonly managerPid: number;
  /** One JSON event per line. */
  readonly auditLog: string;
  close(): Promise<void>;
}

/** `VERB resource[/subresource]` of every call of the operator from byte `from` on; `end` is where to go on. */
export async function operatorCalls(auditLog: string, from: number): Promise<{ calls: string[]; end: number }> {
  const text = await readFile(auditLog);
  const end = text.lastIndexOf(10) + 1;
  const lines = text.subarray(from, Math.max(from, end)).toString("utf8").split("\n").filter(Boolean);
  const calls = lines.flatMap((line) => {
    const { userAgent = "", verb, objectRef = {} } = JSON.parse(line);
    if (!userAgent.startsWith("serval-operator") || objectRef.resource === "leases") return [];
    const what = objectRef.resource ?? "(discovery)";
    return [`${verb} ${what}${objectRef.subresource === undefined ? "" : `/${objectRef.subresource}`}`];
  });
  return { calls, end };
}

export async function until<T>(
  what: string,
  test: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 300_000,
): Promise<T> {
  for (const end = performance.now() + timeoutMs; ; ) {
    const found = await test();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function startManager(assets: string, api: RealApiServer, dir: string): Promise<ChildProcess> {
  const log = await open(join(dir, "kube-controller-manager.log"), "w");
  const child = spawn(
    join(assets, "kube-controller-manager"),
    [
      `--kubeconfig=${api.kubeconfig}`,
      "--controllers=deployment-controller,replicaset-controller,garbage-collector-controller,namespace-controller",
      "--leader-elect=false",
      "--secure-port=0",
      "--kube-api-qps=300",
      "--kube-api-burst=400",
    ],
    { stdio: ["ignore", log.fd, log.fd] },
  );
  await log.close();
  return child;
}

const runtime = {
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "ClusterServingRuntime",
  metadata: { name: "kserve-sklearnserver" },
  spec: {
    supportedModelFormats: [{ name: "sklearn", version: "1", autoSelect: true, priority: 1 }],
    protocolVersions: ["v1", "v2"],
    containers: [
      {
        name: "kserve-container",
        image: "kserve/sklearnserver:latest",
        args: ["--model_name={{.Name}}", "--model_dir=/mnt/models"],
        resources: { requests: { cpu: "1", memory: "2Gi" }, limits: { cpu: "1", memory: "2Gi" } },
      },
    ],
  },
};

async function install(cluster: Cluster, ingress: boolean): Promise<void> {
  const crds = [...servingCrds(), ...(gatewayApiCrds as unknown as CustomResourceDefinition[])];
  for (const crd of crds) await cluster.apply(resources.customResourceDefinitions, crd, apply);
  for (const type of [inferenceServices, clusterServingRuntimes, resources.httpRoutes] as ResourceType[])
    await until(type.plural, () =>
      cluster.list(type, { limit: 1 }).then(
        () => true,
        () => undefined,
      ),
    );
  for (const name of ["kserve", benchNamespace])
    await cluster.apply(resources.namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } }, apply);
  const config = defaultConfigMap({ home: "cluster" });
  const routing = { ...JSON.parse(config.data?.["ingress"] ?? "{}"), enableGatewayApi: !ingress };
  const data = { ...config.data, ingress: JSON.stringify(routing) };
  await cluster.apply(resources.configMaps, { ...config, data }, apply);
  await cluster.apply(clusterServingRuntimes as unknown as ResourceType<AnyObject>, runtime as AnyObject, apply);
}

/** @throws with the reason when this machine has no kube-apiserver. */
export async function startControlPlane(ingress: boolean): Promise<ControlPlane> {
  const assets = await findAssets(["kube-apiserver", "kube-controller-manager"]);
  if (assets.startsWith("skip:")) throw new Error(assets);
  const dir = await mkdtemp(join(tmpdir(), "serval-bench-"));
  const policy = join(dir, "policy.json");
  const auditLog = join(dir, "audit.log");
  await writeFile(policy, JSON.stringify(auditPolicy));
  const api = await startRealApiServer(assets, [`--audit-policy-file=${policy}`, `--audit-log-path=${auditLog}`]);
  const manager = await startManager(assets, api, dir);
  const close = async (): Promise<void> => {
    const ended = new Promise((resolve) => manager.once("exit", resolve));
    if (manager.kill("SIGKILL")) await ended;
    await api.close();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await install(api.cluster, ingress);
  } catch (error) {
    await close();
    throw error;
  }
  return { api, managerPid: manager.pid as number, auditLog, close };
}
