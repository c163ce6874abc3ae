// SPDX-License-Identifier: Apache-2.0
// How a command reaches the running home: its data directory, its kubeconfig, its gateway.
import {
  findDataDir,
  type HomeLayout,
  type HomeState,
  homeLayout,
  isRunning,
  readHomeState,
} from "@serval/embedded/home/layout.ts";
import type { Cluster } from "@serval/kube";
import { CommandError, flagText, type Invocation, type Io } from "./command.ts";

export interface RunningHome {
  readonly layout: HomeLayout;
  readonly state: HomeState;
  readonly gatewayUrl: string;
}

export const layoutOf = (invocation: Invocation, io: Io): HomeLayout =>
  homeLayout(findDataDir({ flag: flagText(invocation.flags, "data-dir"), env: io.env, cwd: io.cwd }));

/** @throws CommandError when no home runs in the directory. */
export async function runningHome(invocation: Invocation, io: Io): Promise<RunningHome> {
  const layout = layoutOf(invocation, io);
  const state = await readHomeState(layout);
  if (state === undefined || !(await isRunning(state.controlPlane))) {
    throw new CommandError(
      `No embedded home runs in "${layout.dataDir}"\nFix: start one with serval up, or name another with --data-dir DIR`,
    );
  }
  return { layout, state, gatewayUrl: `http://127.0.0.1:${state.gatewayPort}` };
}

/** Runs `work` with a connection that is closed at the end. */
export async function withCluster<T>(
  invocation: Invocation,
  io: Io,
  work: (cluster: Cluster, home: RunningHome) => Promise<T>,
): Promise<T> {
  const home = await runningHome(invocation, io);
  const { createCluster, loadKubeconfig, remoteTransport } = await import("@serval/kube");
  const cluster = createCluster(remoteTransport(await loadKubeconfig(home.layout.kubeconfig)), "serval-cli");
  try {
    return await work(cluster, home);
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}

export const namespaceOf = ({ flags }: Invocation): string => flagText(flags, "namespace") ?? "default";
