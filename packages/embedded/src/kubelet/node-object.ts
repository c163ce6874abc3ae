// SPDX-License-Identifier: Apache-2.0
// This machine as a Node object.
import { arch, cpus, release, totalmem, type } from "node:os";
import type { Node } from "@serval/api";

export const nodeName = "serval";

/** Everything of the machine may be used by pods; GPUs come with their own issue. */
export function nodeObject(version: string, now: Date): Node {
  const at = now.toISOString().replace(/\.\d+Z$/, "Z");
  const resources = { cpu: String(cpus().length), memory: `${Math.floor(totalmem() / 1024)}Ki`, pods: "1000" };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: nodeName,
      labels: {
        "kubernetes.io/hostname": nodeName,
        "kubernetes.io/os": process.platform === "win32" ? "windows" : process.platform,
        "kubernetes.io/arch": arch() === "x64" ? "amd64" : arch(),
        "node-role.kubernetes.io/embedded": "",
      },
    },
    spec: {},
    status: {
      capacity: resources,
      allocatable: resources,
      addresses: [
        { type: "InternalIP", address: "127.0.0.1" },
        { type: "Hostname", address: nodeName },
      ],
      conditions: [
        {
          type: "Ready",
          status: "True",
          reason: "KubeletReady",
          message: "kubelet is posting ready status",
          lastHeartbeatTime: at,
          lastTransitionTime: at,
        },
      ],
      nodeInfo: {
        architecture: arch() === "x64" ? "amd64" : arch(),
        bootID: "",
        containerRuntimeVersion: `serval://${version}`,
        kernelVersion: release(),
        kubeProxyVersion: "",
        kubeletVersion: `v1.34.0-serval.${version}`,
        machineID: "",
        operatingSystem: type().toLowerCase(),
        osImage: `${type()} ${release()}`,
        systemUUID: "",
      },
    },
  };
}
