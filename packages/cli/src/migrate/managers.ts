// SPDX-License-Identifier: Apache-2.0
// KServe's controllers as they run in a cluster, whichever release and namespace, and Serval's own.
import { type Deployment, type KubeObject, keyOf, type Pod, resources, systemNamespace } from "@serval/api";
import type { Cluster } from "@serval/kube";

/** `serving`: what Serval takes over. The others look after kinds that Serval has no controller for. */
export type ManagerRole = "serving" | "llm" | "localModels" | "modelMesh";

/** Names since KServe 0.7; its Helm charts use the same. */
const managerNames: Readonly<Record<string, ManagerRole>> = {
  "kserve-controller-manager": "serving",
  "llmisvc-controller-manager": "llm",
  "kserve-llmisvc-controller-manager": "llm",
  "kserve-localmodel-controller-manager": "localModels",
  "modelmesh-controller": "modelMesh",
};

export interface Manager {
  readonly role: ManagerRole;
  readonly namespace: string;
  readonly name: string;
  /** As its image or its labels say; undefined: neither does. */
  readonly version?: string | undefined;
  readonly replicas: number;
  readonly ready: number;
  /** Of its pods. */
  readonly selector: string;
  /** Two of them would not act at once. */
  readonly electsLeader: boolean;
}

/** The tag of an image, unless it is one that says nothing. Pure. */
export function versionOf({ metadata, spec }: Deployment): string | undefined {
  const image = spec?.template.spec?.containers.find(({ name }) => name === "manager")?.image ?? "";
  const tag = /:([\w.-]+)$/.exec(image.split("@")[0] ?? "")?.[1];
  if (tag !== undefined && tag !== "latest") return tag;
  return metadata?.labels?.["app.kubernetes.io/version"] ?? metadata?.labels?.["helm.sh/chart"];
}

/** Pure. */
export function managerOf(deployment: Deployment): Manager | undefined {
  const { name = "", namespace = "" } = deployment.metadata ?? {};
  const role = managerNames[name];
  if (role === undefined) return undefined;
  const { spec, status } = deployment;
  const args = (spec?.template.spec?.containers ?? []).flatMap(({ args: own = [], command = [] }) => [
    ...command,
    ...own,
  ]);
  return {
    role,
    namespace,
    name,
    version: versionOf(deployment),
    replicas: spec?.replicas ?? 1,
    ready: status?.readyReplicas ?? 0,
    selector: Object.entries(spec?.selector.matchLabels ?? {})
      .map(([label, value]) => `${label}=${value}`)
      .join(","),
    electsLeader: args.some((arg) => /^--?leader-elect(=true)?$/.test(arg)),
  };
}

/** @throws ApiError. */
export async function findManagers(cluster: Cluster): Promise<Manager[]> {
  const lists = await Promise.all(
    Object.keys(managerNames).map((name) =>
      cluster.list(resources.deployments, { fieldSelector: `metadata.name=${name}` }),
    ),
  );
  return lists.flatMap(({ items }) => items.flatMap((item) => managerOf(item) ?? []));
}

export const servalKey = { namespace: systemNamespace, name: "serval-operator" };

export async function podsOf(cluster: Cluster, { namespace, selector }: Pick<Manager, "namespace" | "selector">) {
  const { items } = await cluster.list(resources.pods, { namespace, labelSelector: selector });
  return items as Pod[];
}

/** @throws ApiError. */
export async function scale(cluster: Cluster, key: { namespace: string; name: string }, replicas: number) {
  const stored = await cluster.get(resources.deployments, key);
  if (stored === undefined || stored.spec?.replicas === replicas) return;
  const body = { spec: { replicas } };
  await cluster.patch(resources.deployments, keyOf(stored as KubeObject), { type: "merge", body });
}
