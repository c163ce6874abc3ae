// SPDX-License-Identifier: Apache-2.0
// kube-controller-manager with only the controllers that the recorder had.
import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { dirname, join } from "node:path";

const controllers = [
  "deployment-controller",
  "replicaset-controller",
  "statefulset-controller",
  "serviceaccount-controller",
  "namespace-controller",
  "garbage-collector-controller",
  "job-controller",
];

export interface ControllerManager {
  readonly pid: number;
  close(): Promise<void>;
}

/** @param assets folder of the command. @param kubeconfig of an administrator, beside the server's keys. */
export function startControllerManager(assets: string, kubeconfig: string): ControllerManager {
  const dir = dirname(kubeconfig);
  const log = openSync(join(dir, "controller-manager.log"), "a");
  const child = spawn(
    join(assets, "kube-controller-manager"),
    [
      `--kubeconfig=${kubeconfig}`,
      `--controllers=${controllers.join(",")}`,
      `--service-account-private-key-file=${join(dir, "saKey.pem")}`,
      `--root-ca-file=${join(dir, "ca.pem")}`,
      "--leader-elect=false",
      "--bind-address=127.0.0.1",
      "--secure-port=0",
      "--kube-api-qps=200",
      "--kube-api-burst=400",
    ],
    { stdio: ["ignore", log, log] },
  );
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  return {
    pid: child.pid ?? -1,
    async close() {
      process.removeListener("exit", kill);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
    },
  };
}
