// SPDX-License-Identifier: Apache-2.0
// The cluster that install and uninstall work on: the current kubeconfig's, unless another is named.
import { type Cluster, createCluster, defaultAccess, loadKubeconfig, remoteTransport } from "@serval/kube";
import { flagText, type Invocation, type Io, UsageError } from "../command.ts";

export interface Target {
  readonly cluster: Cluster;
  readonly server: string;
  readonly deadlineMs: number;
  readonly say: (line: string) => void;
}

/** @throws UsageError; Error of a kubeconfig that cannot be used. */
export async function openTarget({ flags }: Invocation, io: Io): Promise<Target> {
  const text = flagText(flags, "timeout") ?? "300";
  if (!(Number(text) > 0)) throw new UsageError(`--timeout "${text}" is not a number of seconds`);
  const file = flagText(flags, "kubeconfig");
  const access = file === undefined ? await defaultAccess(io.env) : await loadKubeconfig(file);
  return {
    cluster: createCluster(remoteTransport(access), "serval-cli"),
    server: access.server,
    deadlineMs: Number(text) * 1_000,
    say: (line) => io.err(line),
  };
}
