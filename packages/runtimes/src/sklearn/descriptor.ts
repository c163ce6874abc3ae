// SPDX-License-Identifier: Apache-2.0
// scikit-learn served by Serval itself, under its own name and under KServe's (kserve: config/runtimes/kserve-sklearnserver.yaml).
// Versions 0 and 1 are both read; like KServe's runtime only version 1 is in that one's list.
import { kserveArgs, type RuntimeDescriptor, SERVAL_IMAGE } from "../descriptor.ts";

export const servalSklearn: RuntimeDescriptor = {
  name: "serval-sklearn",
  serverType: "sklearnserver",
  // Priority 3 wins over KServe's sklearnserver (1) and MLServer (2) where those are installed beside it.
  formats: [
    { name: "sklearn", version: "1", autoSelect: true, priority: 3 },
    { name: "sklearn", version: "0", autoSelect: true, priority: 3 },
  ],
  protocols: ["v1", "v2"],
  image: SERVAL_IMAGE,
  args: [...kserveArgs, "--framework=sklearn"],
};

export const kserveSklearn: RuntimeDescriptor = {
  name: "kserve-sklearnserver",
  serverType: "sklearnserver",
  formats: [{ name: "sklearn", version: "1", autoSelect: true, priority: 1 }],
  protocols: ["v1", "v2"],
  image: "kserve/sklearnserver:v0.20.0",
  args: kserveArgs,
  requests: { cpu: "1", memory: "2Gi" },
};
