// SPDX-License-Identifier: Apache-2.0
// Serval as it is released: the bundled program of its image, started as its Deployment starts it, under its account and
// roles. What cannot be so outside a pod: addresses are of loopback, and the webhooks are called by URL.
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type AnyObject,
  clusterServingRuntimes,
  defaultConfigMap,
  inferenceServices,
  type ResourceType,
  resources,
} from "@serval/api";
import { typeOf } from "../../packages/cli/src/install/object-types.ts";
import { installObjects } from "../../packages/cli/src/install/objects.ts";
import { freePort } from "../../test/cluster/kube-apiserver.ts";
import { applicationIngredient } from "../../tools/images/application.ts";
import { imageRecipes } from "../../tools/images/plan.ts";
import { cacheDir } from "../../tools/pinned-node.mjs";
import { apply, type ControlPlane, kubeconfigOf, untilServed } from "./control-plane.ts";
import type { OperatorUnderTest } from "./operators.ts";
import type { Program } from "./processes.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const account = { namespace: "serval-system", name: "serval-operator" };

/** Writes the application layer of the image below `dir`. @returns path of the program. */
export async function bundleServal(dir: string): Promise<string> {
  const { entries } = await applicationIngredient(root, cacheDir());
  for (const entry of entries) {
    if (entry.kind !== "file" || !entry.path.startsWith("opt/")) continue;
    const path = join(dir, entry.path);
    await mkdir(dirname(path), { recursive: true });
    // Text and code come in memory; nothing of this layer is a file on disk.
    await writeFile(path, entry.content);
    if (entry.isExecutable === true) await chmod(path, 0o755);
  }
  return join(dir, "opt/serval/bin/serval.mjs");
}

interface ContainerSpec {
  readonly name: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

/** Arguments and environment of the operator's container in deploy/serval.yaml, the image's environment under it. */
function asDeployed(): { args: readonly string[]; env: Record<string, string> } {
  const deployment = installObjects().find(
    ({ kind, metadata }) => kind === "Deployment" && metadata.name === account.name,
  );
  const { containers } = (deployment as unknown as { spec: { template: { spec: { containers: ContainerSpec[] } } } })
    .spec.template.spec;
  const [container] = containers;
  const image = imageRecipes.find(({ id }) => id === "serval")?.env ?? {};
  const own = (container?.env ?? []).flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]));
  return { args: container?.args ?? [], env: { ...image, ...Object.fromEntries(own) } };
}

const placed = /^--(metrics-addr|health-addr|health-probe-addr|webhook-port|webhook-url|kubeconfig)=/;

async function programOf(main: string, kubeconfig: string): Promise<Program> {
  const [metrics, health, webhooks] = [await freePort(), await freePort(), await freePort()];
  const { args, env } = asDeployed();
  return {
    command: process.execPath,
    args: [
      main,
      ...args.filter((arg) => !placed.test(arg)),
      `--kubeconfig=${kubeconfig}`,
      // The default in a pod.
      "--install=true",
      `--system-namespace=${account.namespace}`,
      `--metrics-addr=127.0.0.1:${metrics}`,
      `--health-addr=127.0.0.1:${health}`,
      `--webhook-url=https://127.0.0.1:${webhooks}`,
    ],
    env,
    readyUrl: `http://127.0.0.1:${health}/readyz`,
  };
}

/** As `kubectl apply -f deploy/serval.yaml`, without the pods: their program is the process that is measured. */
async function install({ cluster }: ControlPlane, ingress: boolean): Promise<void> {
  for (const object of installObjects()) {
    if (object.kind === "Deployment" || /gateway/.test(object.metadata.name ?? "")) continue;
    await cluster.apply(typeOf(object) as ResourceType<AnyObject>, object, apply);
  }
  if (!ingress) return;
  // The one choice of a user that differs from the release's defaults, made before the first start.
  const name = "kserve";
  await cluster.apply(resources.namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } }, apply);
  const config = defaultConfigMap({ home: "cluster" });
  const routing = { ...JSON.parse(config.data?.["ingress"] ?? "{}"), enableGatewayApi: false };
  const data = { ...config.data, ingress: JSON.stringify(routing) };
  await cluster.create(resources.configMaps, { ...config, data });
}

/** @param main from `bundleServal`. */
export const serval = (main: string): OperatorUnderTest => ({
  name: "serval",
  account,
  async prepare(plane, ingress) {
    await install(plane, ingress);
    return programOf(main, await kubeconfigOf(plane, account));
  },
  async untilInstalled({ cluster }) {
    for (const type of [inferenceServices, clusterServingRuntimes, resources.httpRoutes])
      await untilServed(cluster, type as unknown as ResourceType);
  },
});
