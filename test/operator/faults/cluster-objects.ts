// SPDX-License-Identifier: Apache-2.0
// Runtimes that the stories need, one for each way in which a model is served.
import type { ClusterServingRuntime } from "@serval/api";
import { sklearnRuntime } from "../home.ts";

const container = { name: "kserve-container", image: "e/hf:1-gpu", resources: { limits: { cpu: "500m" } } };
const multiNode = {
  ...sklearnRuntime,
  metadata: { name: "kserve-huggingfaceserver-multinode" },
  spec: {
    supportedModelFormats: [{ name: "huggingface", version: "1", autoSelect: true }],
    protocolVersions: ["v2", "v1"],
    containers: [container],
    workerSpec: {
      containers: [{ ...container, name: "worker-container" }],
      volumes: [{ name: "shm", emptyDir: { medium: "Memory", sizeLimit: "3Gi" } }],
    },
  },
} as ClusterServingRuntime;

export const clusterObjects: readonly ClusterServingRuntime[] = [sklearnRuntime, multiNode];
