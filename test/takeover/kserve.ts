// SPDX-License-Identifier: Apache-2.0
// KServe's own manager as a process, with its webhooks on loopback, as its manifests run it.
import { spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, open, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type AnyObject, type ResourceType, resourcePath } from "@serval/api";
import type { Cluster } from "@serval/kube";
import {
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
} from "@serval/operator/webhooks/registrations.ts";
import { freePort, type RealApiServer } from "../cluster/kube-apiserver.ts";
import { documents } from "../golden/context.ts";
import { contextDir } from "./shapes.ts";
import { until } from "./until.ts";

export interface Kserve {
  readonly pid: number;
  log(): Promise<string>;
  /** As a pod's end: SIGTERM, then its process is gone. */
  stop(): Promise<void>;
}

interface Webhook {
  readonly clientConfig: { readonly service: { readonly path: string } };
}

export const webhookTypes: readonly ResourceType[] = [mutatingWebhookConfigurations, validatingWebhookConfigurations];

/** KServe's webhook configurations, called at a port of loopback. */
export async function kserveWebhooks(server: RealApiServer, port: number): Promise<AnyObject[]> {
  const caBundle = (await readFile(join(dirname(server.kubeconfig), "ca.pem"))).toString("base64");
  return documents(join(contextDir, "webhooks.yaml")).map((object) => {
    const { creationTimestamp: _time, ...metadata } = object.metadata;
    const webhooks = (object["webhooks"] as Webhook[]).map((webhook) => ({
      ...webhook,
      admissionReviewVersions: ["v1", "v1beta1"],
      clientConfig: { url: `https://127.0.0.1:${port}${webhook.clientConfig.service.path}`, caBundle },
    }));
    return { ...object, metadata, webhooks };
  });
}

export async function register(cluster: Cluster, objects: readonly AnyObject[]): Promise<void> {
  for (const object of objects) {
    const type = webhookTypes.find(({ kind }) => kind === object.kind) as ResourceType;
    await cluster.transport.send({ method: "DELETE", path: resourcePath(type, { name: object.metadata.name }) });
    await cluster.create(type, object);
  }
}

/** Leader election asks for the namespace where pods have it: a mount namespace of its own has it there. */
const inPod = [
  "--map-root-user",
  "--mount",
  "bash",
  "-c",
  `mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io/serviceaccount &&
   printf kserve > /run/secrets/kubernetes.io/serviceaccount/namespace && exec "$@"`,
  "bash",
];

/** @param program KServe's `cmd/manager`; run under the name that it has in its image. */
export async function startKserve(server: RealApiServer, program: string, port: number): Promise<Kserve> {
  const dir = await mkdtemp(join(tmpdir(), "serval-kserve-"));
  const certificates = join(dir, "k8s-webhook-server", "serving-certs");
  await mkdir(certificates, { recursive: true });
  const keys = dirname(server.kubeconfig);
  await copyFile(join(keys, "cert.pem"), join(certificates, "tls.crt"));
  await copyFile(join(keys, "key.pem"), join(certificates, "tls.key"));
  const command = join(dir, "manager");
  await symlink(program, command);
  const health = await freePort();
  const logPath = join(dir, "log");
  const log = await open(logPath, "a");
  const args = [
    "--metrics-addr=127.0.0.1:0",
    `--health-probe-addr=127.0.0.1:${health}`,
    `--webhook-port=${port}`,
    "--leader-elect",
  ];
  const env = { ...process.env, KUBECONFIG: server.kubeconfig, POD_NAMESPACE: "kserve", TMPDIR: dir };
  const child = spawn("unshare", [...inPod, command, ...args], { env, cwd: dir, stdio: ["ignore", log.fd, log.fd] });
  await log.close();
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const told = (): Promise<string> => readFile(logPath, "utf8");
  await until("KServe's manager", async () => {
    if (child.exitCode !== null) throw new Error(`KServe's manager ended:\n${(await told()).slice(-2_000)}`);
    const answer = await fetch(`http://127.0.0.1:${health}/readyz`).catch(() => undefined);
    return answer?.ok === true ? true : undefined;
  });
  return {
    pid: child.pid as number,
    log: told,
    async stop() {
      process.removeListener("exit", kill);
      child.kill("SIGTERM");
      await ended;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
