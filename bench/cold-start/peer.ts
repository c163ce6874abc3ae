// SPDX-License-Identifier: Apache-2.0
// One model server of one model, timed from its command to its first prediction: `mlserver start` and `serval serve`.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "../predictor/servers.ts";
import { secondsUntil } from "./home.ts";

export async function mlserverVersion(python: string): Promise<string> {
  const script = "from importlib.metadata import version; print(version('mlserver'))";
  return (await promisify(execFile)(python, ["-c", script])).stdout.trim();
}

const serval = fileURLToPath(new URL("../../packages/cli/bin/serval.mjs", import.meta.url));

async function timeServer(command: readonly string[], port: number, body: string): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(command[0] as string, command.slice(1), { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}/v2/models/m/infer`;
  try {
    return await secondsUntil(startedAt, async () => {
      const headers = { "content-type": "application/json" };
      const response = await fetch(url, { method: "POST", headers, body });
      await response.arrayBuffer();
      return response.status === 200;
    });
  } finally {
    const ended = once(child, "exit");
    if (child.exitCode === null && child.kill("SIGKILL")) await ended;
  }
}

/** @param model the model's file. @param body of the v2 request. */
export async function timeServe(model: string, body: string): Promise<number> {
  const port = await freePort();
  const flags = ["--model_name=m", `--model_dir=${dirname(model)}`, `--http_port=${port}`];
  return timeServer([process.execPath, serval, "serve", ...flags], port, body);
}

/** @param model the model's file. @param body of the v2 request. */
export async function timeMlserver(python: string, model: string, body: string): Promise<number> {
  const root = await mkdtemp(join(tmpdir(), "serval-bench-mlserver-"));
  const [port, grpc, metrics] = [await freePort(), await freePort(), await freePort()];
  const settings = { host: "127.0.0.1", http_port: port, grpc_port: grpc, metrics_port: metrics, parallel_workers: 0 };
  const implementation = "mlserver_xgboost.XGBoostModel";
  await writeFile(join(root, "settings.json"), JSON.stringify(settings));
  await writeFile(
    join(root, "model-settings.json"),
    JSON.stringify({ name: "m", implementation, parameters: { uri: model } }),
  );
  const command = [python, "-m", "mlserver.cli.main", "start", root];
  return timeServer(command, port, body).finally(() => rm(root, { recursive: true, force: true }));
}
