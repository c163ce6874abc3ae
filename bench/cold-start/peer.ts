// SPDX-License-Identifier: Apache-2.0
// `mlserver start` of the same model, timed to its first prediction.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../predictor/servers.ts";
import { secondsUntil } from "./home.ts";

export async function mlserverVersion(python: string): Promise<string> {
  const script = "from importlib.metadata import version; print(version('mlserver'))";
  return (await promisify(execFile)(python, ["-c", script])).stdout.trim();
}

/** @param body of the v2 request. */
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
  const startedAt = performance.now();
  const child = spawn(python, ["-m", "mlserver.cli.main", "start", root], { stdio: "ignore" });
  try {
    return await secondsUntil(startedAt, async () => {
      if (child.exitCode !== null) throw new Error("mlserver ended");
      const headers = { "content-type": "application/json" };
      const response = await fetch(`http://127.0.0.1:${port}/v2/models/m/infer`, { method: "POST", headers, body });
      await response.arrayBuffer();
      return response.status === 200;
    });
  } finally {
    const ended = once(child, "exit");
    if (child.exitCode === null && child.kill("SIGKILL")) await ended;
    await rm(root, { recursive: true, force: true });
  }
}
