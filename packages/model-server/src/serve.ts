// SPDX-License-Identifier: Apache-2.0
// `serval serve`: parse flags, load the model, listen, and on the stop signal leave in order: others may still send for a
// while, what is running finishes.
// The port opens only after the model is loaded, because a pod without a probe is ready when its port is open.
import { writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { ModelError } from "@serval/runtimes/model.ts";
import { FlagError, parseFlags, type ServeOptions } from "./flags.ts";
import type { ServerDeps } from "./http/exchange.ts";
import { type RunningServer, startServer } from "./http/server.ts";
import { makeModel } from "./load-model.ts";
import { Repository } from "./repository.ts";

export interface ServeDeps extends Pick<ServerDeps, "uuid" | "now" | "wallClock" | "log"> {
  readonly env: NodeJS.ProcessEnv;
  /** Aborted when the process is asked to stop. */
  readonly stop: AbortSignal;
  readonly leave: Leave;
  readonly onReady?: (server: RunningServer) => void;
  readonly engineDir: (engine: "onnx" | "llama") => Promise<string>;
}

export interface Leave {
  /** How long requests still come after it was decided that this server ends. */
  readonly announceMs: number;
  /** How long requests may take to end after that. */
  readonly drainMs: number;
}

/**
 * A cluster tells a pod to end and its Services and gateways to forget it at the same time; each of them hears it when it
 * does. How long a request may take is for the pod's own grace period to say: the kubelet keeps it.
 */
const leavePod: Leave = { announceMs: 5_000, drainMs: 3_600_000 };
/** Nobody sends any more: a terminal, or the embedded home, whose gateway hears of the end first. */
const leaveAtOnce: Leave = { announceMs: 0, drainMs: 30_000 };

/** The kubelet of every cluster sets this variable, that of the embedded home does not. */
export const leaveOf = (env: NodeJS.ProcessEnv): Leave =>
  env["KUBERNETES_SERVICE_HOST"] === undefined ? leaveAtOnce : leavePod;

/** Runs until `deps.stop`; returns the exit code. A failure is one clear line, the last one of the log. */
export async function serve(argv: readonly string[], deps: ServeDeps): Promise<number> {
  const repository = new Repository();
  try {
    const options = parseFlags(argv, deps.env);
    if (options.ignored.length > 0)
      deps.log(
        "info",
        `ignored flags without a meaning here: ${options.ignored.map((name) => `--${name}`).join(", ")}`,
      );
    const server = await start(options, repository, deps);
    deps.onReady?.(server);
    await aborted(deps.stop);
    deps.log("info", "stopping: finishing the running requests");
    server.sendAway();
    if (deps.leave.announceMs > 0) await setTimeout(deps.leave.announceMs);
    await server.stop(deps.leave.drainMs);
    await repository.close();
    return 0;
  } catch (error) {
    await repository.close();
    const message = failure(error);
    if (!(error instanceof ModelError || error instanceof FlagError))
      deps.log("error", "start failed", { error: error instanceof Error ? error.stack : String(error) });
    await writeTermination(deps.env["TERMINATION_MESSAGE_PATH"], message);
    deps.log("error", message);
    return 1;
  }
}

async function start(options: ServeOptions, repository: Repository, deps: ServeDeps): Promise<RunningServer> {
  const began = deps.now();
  const model = await makeModel({
    options,
    engineDir: deps.engineDir,
    env: deps.env,
    log: (message) => deps.log("info", message),
  });
  repository.add(options.modelName, model);
  // vLLM's clients name the model by its hub id, as in --model=meta-llama/…
  if (model.kind === "language")
    for (const id of options.modelDirs.filter((path) => !path.startsWith("/"))) repository.alias(id, options.modelName);
  await model.load();
  deps.log("info", `Registering model: ${options.modelName}`, { loadMs: Math.round(deps.now() - began) });
  const { maxRequestBytes, openaiPrefix, host, port } = options;
  const server = await startServer({ ...deps, repository, maxRequestBytes, openaiPrefix }, { host, port });
  deps.log("info", `serving ${options.modelName} at ${server.url}`, { startMs: Math.round(deps.now() - began) });
  return server;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function failure(error: unknown): string {
  if (!(error instanceof Error)) return `Cannot start the model server: ${String(error)}`;
  const code = "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE")
    return `Cannot start the model server: its port is in use (${error.message}); stop the other process or give another --http_port`;
  if (code === "EACCES")
    return `Cannot start the model server: permission denied (${error.message}); give a port above 1023`;
  return error.message;
}

/** The kubelet shows this as the container's termination message. */
async function writeTermination(path: string | undefined, message: string): Promise<void> {
  if (path === undefined || path === "") return;
  await writeFile(path, message.slice(0, 4096)).catch((error: unknown) => error);
}
