// SPDX-License-Identifier: Apache-2.0
// Both controllers as their manifests install them, and the programs behind their pods.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AnyObject, ResourceType } from "@serval/api";
import { typeOf } from "../../packages/cli/src/install/object-types.ts";
import { installObjects } from "../../packages/cli/src/install/objects.ts";
import { servalBin } from "../../packages/cli/src/serval-bin.ts";
import { kubeconfigOf } from "../cluster/install-home.ts";
import { freePort } from "../cluster/kube-apiserver.ts";
import { kserveWebhooks, register, startKserve } from "./kserve.ts";
import type { Program, Programs } from "./nodes.ts";
import { until } from "./until.ts";
import type { World } from "./world.ts";

const kserveDeployment: AnyObject = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: {
    name: "kserve-controller-manager",
    namespace: "kserve",
    labels: { "control-plane": "kserve-controller-manager" },
  },
  spec: {
    replicas: 1,
    selector: { matchLabels: { "control-plane": "kserve-controller-manager" } },
    template: {
      metadata: { labels: { "control-plane": "kserve-controller-manager" } },
      spec: {
        containers: [
          {
            name: "manager",
            image: "kserve/kserve-controller:v0.20.0",
            command: ["/manager"],
            args: ["--leader-elect"],
          },
        ],
      },
    },
  },
};

/** KServe's Deployment and webhooks; its pod is a process as soon as it is made. */
export async function installKserve(world: World, webhookPort: number): Promise<void> {
  await world.create(kserveDeployment);
  await register(world.server.cluster, await kserveWebhooks(world.server, webhookPort));
}

/** As `kubectl apply --server-side -f deploy/serval.yaml` does, without the gateway: routes are played. */
export async function installServal({ server: { cluster } }: World): Promise<void> {
  for (const object of installObjects()) {
    if (/gateway/.test(object.metadata.name ?? "")) continue;
    await cluster.apply(typeOf(object) as ResourceType<AnyObject>, object, {
      fieldManager: "kubectl",
      force: true,
    });
  }
}

async function startServal(world: World): Promise<Program> {
  const dir = await mkdtemp(join(tmpdir(), "serval-takeover-"));
  const kubeconfig = await kubeconfigOf(world.server, dir, "serval-operator");
  const [port, health] = [await freePort(), await freePort()];
  const args = [
    ...[
      "operator",
      "--kubeconfig",
      kubeconfig,
      "--install=true",
      "--gateway=false",
      "--system-namespace=serval-system",
    ],
    ...[`--webhook-url=https://127.0.0.1:${port}`, `--health-addr=127.0.0.1:${health}`],
  ];
  const child = spawn(process.execPath, [servalBin, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      log += chunk.toString();
    });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await until(
    "Serval's operator",
    async () => {
      if (child.exitCode !== null) throw new Error(`Serval's operator ended:\n${log.slice(-3_000)}`);
      const answer = await fetch(`http://127.0.0.1:${health}/readyz`).catch(() => undefined);
      return answer?.ok === true ? true : undefined;
    },
    180_000,
  );
  return {
    async stop() {
      process.removeListener("exit", kill);
      child.kill("SIGTERM");
      await ended;
      const { SERVAL_TAKEOVER_LOG: show } = process.env;
      if (show !== undefined) process.stderr.write(log);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** @param manager KServe's `cmd/manager`. */
export const programsOf = (world: World, manager: string, webhookPort: number): Programs => ({
  manager: () => startKserve(world.server, manager, webhookPort),
  operator: () => startServal(world),
});
