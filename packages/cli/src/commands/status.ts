// SPDX-License-Identifier: Apache-2.0
// `serval status`: is a home running here, and where does it answer?
import { isRunning, readHomeState } from "@serval/embedded/home/layout.ts";
import { flagText, type Invocation, type Io, UsageError } from "../command.ts";
import { layoutOf } from "../home.ts";

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const format = flagText(invocation.flags, "output");
  if (format !== undefined && format !== "json") throw new UsageError(`-o ${format} is not known; use -o json`);
  const layout = layoutOf(invocation, io);
  const state = await readHomeState(layout);
  const isUp = state !== undefined && (await isRunning(state.supervisor)) && (await isRunning(state.controlPlane));
  const status = {
    ready: isUp && state.ready,
    apiServer: isUp ? `https://127.0.0.1:${state.apiServerPort}` : null,
    gateway: isUp ? `http://127.0.0.1:${state.gatewayPort}` : null,
    metrics: isUp
      ? { controlPlane: state.metrics ?? null, gateway: `http://127.0.0.1:${state.gatewayPort}/-/metrics` }
      : null,
    kubeconfig: layout.kubeconfig,
    dataDir: layout.dataDir,
    pid: isUp ? (state.supervisor?.pid ?? null) : null,
  };
  if (format === "json") io.out(JSON.stringify(status, undefined, 2));
  else if (!isUp) io.out(`No embedded home runs in ${layout.dataDir}. Start one with: serval up`);
  else {
    io.out(`Serval ${state.version} is ${status.ready ? "ready" : "starting"} (process ${status.pid})`);
    for (const [name, value] of [
      ["API server", status.apiServer],
      ["Gateway", status.gateway],
      ["Kubeconfig", status.kubeconfig],
      ["Data", status.dataDir],
    ]) {
      io.out(`  ${`${name}:`.padEnd(12)}${value}`);
    }
  }
  return isUp ? (status.ready ? 0 : 1) : 3;
}
