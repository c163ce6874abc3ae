// SPDX-License-Identifier: Apache-2.0
// What `serval up --example` shows: the services getting ready, one real request to each, and what to try next.
import { accessSync, constants } from "node:fs";
import { delimiter, join, relative } from "node:path";
import { inferenceServices, type Pod, resources } from "@serval/api";
import { type Cluster, createInformer } from "@serval/kube";
import type { Io } from "./command.ts";
import { applyManifests } from "./commands/apply.ts";
import { pathOf, protocolOf } from "./commands/predict.ts";
import type { Example } from "./examples.ts";
import { progressView } from "./progress.ts";
import { isReady, type ServiceView, serviceProgress } from "./service-state.ts";

const componentLabel = "serving.kserve.io/inferenceservice";
const namespace = "default";

/** Resolves when all are ready, or with the names of those that are not when the time is over. */
async function waitForServices(
  cluster: Cluster,
  names: readonly string[],
  options: { io: Io; signal: AbortSignal; timeoutMs: number },
): Promise<string[]> {
  const { io, timeoutMs } = options;
  const done = new AbortController();
  const signal = AbortSignal.any([options.signal, done.signal]);
  const view = progressView(io);
  const services = createInformer(cluster, inferenceServices, { signal, namespace });
  const pods = createInformer(cluster, resources.pods, {
    signal,
    namespace,
    labelSelector: componentLabel,
    indexes: { service: (pod: Pod) => [pod.metadata.labels?.[componentLabel] ?? ""] },
  });
  const pending = (): string[] =>
    names.filter((name) => {
      const service = services.get({ namespace, name }) as ServiceView | undefined;
      return service === undefined || !isReady(service);
    });
  const finished = Promise.withResolvers<void>();
  const look = (): void => {
    const known = names.flatMap((name) => {
      const service = services.get({ namespace, name }) as ServiceView | undefined;
      return [
        service === undefined
          ? { name, state: "starting", detail: "", isReady: false }
          : serviceProgress(service, pods.byIndex("service", name)),
      ];
    });
    view.show(known);
    if (pending().length === 0) finished.resolve();
  };
  services.onChange(look);
  pods.onChange(look);
  const timer = setTimeout(() => finished.resolve(), timeoutMs);
  options.signal.addEventListener("abort", () => finished.resolve());
  await finished.promise;
  clearTimeout(timer);
  view.end();
  const left = pending();
  done.abort();
  return left;
}

const shorten = (text: string, limit = 300): string => (text.length <= limit ? text : `${text.slice(0, limit)} …`);

async function ask(
  name: string,
  body: Readonly<Record<string, unknown>>,
  { gatewayUrl, io }: { gatewayUrl: string; io: Io },
): Promise<void> {
  const protocol = protocolOf(body) ?? "v1";
  const path = `/serving/${namespace}/${name}${pathOf(protocol, name)}`;
  const isChat = protocol === "chat";
  const sent = isChat ? { model: name, stream: true, ...body } : body;
  io.out(`\n→ ${name}  POST ${path}`);
  io.out(`  ${shorten(JSON.stringify(sent))}`);
  const response = await fetch(`${gatewayUrl}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(sent),
  });
  if (!response.ok || response.body === null) {
    io.out(`← HTTP ${response.status}: ${shorten(await response.text())}`);
    return;
  }
  if (!isChat) {
    io.out(`← ${shorten((await response.text()).trim())}`);
    return;
  }
  io.write("← ");
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() as string;
    for (const line of lines)
      if (line.startsWith("data: {"))
        io.write((JSON.parse(line.slice(6)).choices?.[0]?.delta?.content ?? "").replaceAll("\n", "\n  "));
  }
  io.out("");
}

function hasKubectl(env: NodeJS.ProcessEnv): boolean {
  return (env["PATH"] ?? "").split(delimiter).some((dir) => {
    try {
      accessSync(join(dir, "kubectl"), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Lines that work when pasted into the same folder. */
function nextSteps(example: Example, context: { io: Io; gatewayUrl: string; kubeconfig: string }): string[] {
  const { io, gatewayUrl, kubeconfig } = context;
  const [name] = example.requests.keys();
  if (name === undefined) return [];
  const body = example.requests.get(name) as Record<string, unknown>;
  const file = example.requestFiles.get(name) as string;
  const path = pathOf(protocolOf(body) ?? "v1", name);
  const list = hasKubectl(io.env)
    ? `kubectl --kubeconfig ${relative(io.cwd, kubeconfig) || kubeconfig} get inferenceservices`
    : "npx serval get";
  return [
    "",
    "Try next, in another terminal:",
    `  ${list}`,
    `  curl ${gatewayUrl}/serving/${namespace}/${name}${path} -H 'content-type: application/json' -d @${file}`,
    `  npx serval predict ${name} -d @${file}`,
  ];
}

/** @returns false when a service did not get ready. */
export async function runTour(
  cluster: Cluster,
  example: Example,
  context: { io: Io; gatewayUrl: string; kubeconfig: string; signal: AbortSignal; timeoutMs: number },
): Promise<boolean> {
  const { io, signal, timeoutMs } = context;
  const applied = await applyManifests(cluster, example.manifests, namespace);
  const names = applied
    .filter(({ object }) => object.kind === "InferenceService")
    .map(({ object }) => object.metadata.name);
  const left = await waitForServices(cluster, names, { io, signal, timeoutMs });
  if (signal.aborted) return false;
  for (const [name, body] of example.requests) {
    if (names.includes(name) && !left.includes(name))
      await ask(name, body, context).catch((error: Error) => io.err(`  the request failed: ${error.message}`));
  }
  for (const name of left)
    io.err(`\n${name} is not ready after ${timeoutMs / 1000} s; npx serval describe ${name} says why`);
  for (const line of nextSteps(example, context)) io.out(line);
  return left.length === 0;
}
