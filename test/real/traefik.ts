// SPDX-License-Identifier: Apache-2.0
// Traefik beside the cluster, as somebody who already has a Gateway API implementation runs it: the kinds by their
// authors, a class and a Gateway of its own, and one line of Serval's configuration that names it.
import { join } from "node:path";
import { startProgram, stop, tailOf } from "./cluster/processes.ts";
import { until } from "./cluster/until.ts";
import type { RealCluster } from "./cluster.ts";

const port = 8000;
const name = "traefik";
export const traefikUrl = `http://127.0.0.1:${port}`;

const gatewayObjects = [
  {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "GatewayClass",
    metadata: { name },
    spec: { controllerName: "traefik.io/gateway-controller" },
  },
  {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name, namespace: "default" },
    spec: {
      gatewayClassName: name,
      listeners: [{ name: "http", port, protocol: "HTTP", allowedRoutes: { namespaces: { from: "All" } } }],
    },
  },
];

/** Which Gateway carries the routes: `inferenceservice-config`, key `ingress`, as KServe has it. */
async function routesBy(real: RealCluster, gateway: string): Promise<void> {
  const at = ["configmap", "inferenceservice-config", "-n", "kserve"];
  const ingress = JSON.parse(await real.kubectl(["get", ...at, "-o", "jsonpath={.data.ingress}"])) as object;
  const data = { ingress: JSON.stringify({ ...ingress, kserveIngressGateway: gateway }, null, 2) };
  await real.kubectl(["patch", ...at, "--type=merge", "-p", JSON.stringify({ data })]);
}

export async function startTraefik(real: RealCluster): Promise<void> {
  const { placed, kubectl } = real;
  const crds = join(placed.facts.others, "gateway-api");
  await kubectl(["apply", "--server-side", "--force-conflicts", "-f", crds]);
  await kubectl(["wait", "--for=condition=Established", "--timeout=30s", "-f", crds]);
  await kubectl(["apply", "-f", "-"], gatewayObjects.map((object) => JSON.stringify(object)).join("\n---\n"));
  await startProgram(placed, name, {
    command: join(placed.facts.others, name),
    args: [
      `--entryPoints.web.address=:${port}`,
      "--providers.kubernetesGateway=true",
      "--providers.kubernetesGateway.statusAddress.ip=127.0.0.1",
      // By default it serves a change two seconds after it has said so.
      "--providers.providersThrottleDuration=100ms",
      "--log.level=INFO",
      "--global.checkNewVersion=false",
      "--global.sendAnonymousUsage=false",
    ],
    env: { KUBECONFIG: placed.layout.kubeconfig },
  });
  const wait = ["wait", "gateway", name, "-n", "default", "--for=condition=Programmed", "--timeout=30s"];
  await until("Traefik to serve its Gateway", () => kubectl(wait)).catch(async (error: Error) => {
    throw new Error(`${error.message}\n${await tailOf(placed, name)}`, { cause: error });
  });
  await routesBy(real, `default/${name}`);
}

export async function stopTraefik(real: RealCluster): Promise<void> {
  await routesBy(real, "kserve/kserve-ingress-gateway");
  await stop(real.placed, name);
  await real.kubectl(["delete", "--ignore-not-found", "gateway", name, "-n", "default"]);
  await real.kubectl(["delete", "--ignore-not-found", "gatewayclass", name]);
}
