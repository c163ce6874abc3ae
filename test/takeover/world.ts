// SPDX-License-Identifier: Apache-2.0
// A real API server with kube-controller-manager and KServe's own definitions, as a cluster has them where KServe runs.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type AnyObject, type CustomResourceDefinition, type ResourceType, resourcePath, resources } from "@serval/api";
import { createRegistry } from "@serval/embedded/apiserver/resources/registry.ts";
import { findAssets, type RealApiServer, startRealApiServer } from "../cluster/kube-apiserver.ts";
import { readYaml } from "../golden/case.ts";
import { clusterObjects } from "../golden/context.ts";
import { startControllerManager } from "../golden/homes/controller-manager.ts";
import { startPlayers } from "./players.ts";
import { contextDir, type Shape } from "./shapes.ts";
import { until } from "./until.ts";

export interface World {
  readonly server: RealApiServer;
  readonly typeOf: (object: Pick<AnyObject, "apiVersion" | "kind">) => ResourceType;
  create(object: AnyObject): Promise<void>;
  close(): Promise<void>;
}

/** Groups of *.k8s.io ask for a word on their approval, which the context's definitions have lost. */
function installable(crd: CustomResourceDefinition): CustomResourceDefinition {
  if (!crd.spec.group.endsWith(".k8s.io")) return crd;
  const annotations = { "api-approved.kubernetes.io": "unapproved", ...crd.metadata.annotations };
  return { ...crd, metadata: { ...crd.metadata, annotations } };
}

/** Kinds of other projects that only KServe's serverless mode and its LLM controller need. */
const unneeded = /llm-d\.ai|leaderworkerset|inferencepools|knative/;

/** KServe's definitions, and of other projects those that it looks for. */
export function kserveCrds(): CustomResourceDefinition[] {
  const dir = join(contextDir, "crds");
  const names = readdirSync(dir).filter((name) => name.endsWith(".json") && !unneeded.test(name));
  return names.map((name) => installable(JSON.parse(readFileSync(join(dir, name), "utf8"))));
}

const byVersion = (crds: readonly CustomResourceDefinition[]): Map<string, ResourceType> =>
  new Map(
    createRegistry(crds).resources.map(({ type }) => [
      `${type.group === "" ? "" : `${type.group}/`}${type.version}/${type.kind}`,
      type,
    ]),
  );

async function install({ server, typeOf, create }: World, crds: readonly CustomResourceDefinition[]): Promise<void> {
  for (const crd of crds) await create(crd as unknown as AnyObject);
  for (const crd of crds) {
    const [version] = crd.spec.versions;
    const type = typeOf({ apiVersion: `${crd.spec.group}/${version?.name}`, kind: crd.spec.names.kind });
    await until(`${crd.metadata.name} served`, async () => {
      const path = resourcePath(type, {});
      const { status } = await server.cluster.transport.send({ method: "GET", path, query: { limit: "1" } });
      return status === 200 ? true : undefined;
    });
  }
  await create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "kserve" } });
  await create(readYaml(join(contextDir, "configmap", "raw-gateway.yaml")) as AnyObject);
  for (const object of clusterObjects(contextDir)) await create(object);
}

/** @throws with the reason when this machine has no kube-apiserver. */
export async function startWorld(): Promise<World> {
  const assets = await findAssets(["kube-apiserver", "kube-controller-manager"]);
  if (assets.startsWith("skip:")) throw new Error(assets);
  const server = await startRealApiServer(assets, [], { serviceAccounts: true });
  const manager = startControllerManager(assets, server.kubeconfig);
  const ending = new AbortController();
  const crds = kserveCrds();
  const types = byVersion(crds);
  const typeOf: World["typeOf"] = ({ apiVersion, kind }) => {
    const type = types.get(`${apiVersion}/${kind}`);
    if (type === undefined) throw new Error(`no kind ${apiVersion}/${kind} here`);
    return type;
  };
  const world: World = {
    server,
    typeOf,
    create: async (object) => void (await server.cluster.create(typeOf(object), object)),
    close: async () => {
      ending.abort();
      await manager.close();
      await server.close();
    },
  };
  try {
    await install(world, crds);
    startPlayers(server.cluster, ending.signal);
    return world;
  } catch (error) {
    await world.close();
    throw error;
  }
}

/** Each shape in its namespace. Kubernetes' own account of a namespace is waited for: pods need it. */
export async function applyShapes({ server: { cluster }, create, typeOf }: World, shapes: readonly Shape[]) {
  for (const { namespace, objects } of shapes) {
    await create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
    await until(`the account of ${namespace}`, () =>
      cluster.get(resources.serviceAccounts, { namespace, name: "default" }),
    );
    for (const object of objects) {
      const isDefault = object.kind === "ServiceAccount" && object.metadata.name === "default";
      if (isDefault) await cluster.apply(typeOf(object), object, { fieldManager: "kubectl", force: true });
      else await cluster.create(typeOf(object), object, { fieldManager: "kubectl-client-side-apply" });
    }
  }
}
