// SPDX-License-Identifier: Apache-2.0
// XGBoost served by Serval itself, under its own name and under KServe's (kserve: config/runtimes/kserve-xgbserver.yaml).
import { kserveArgs, type RuntimeDescriptor, SERVAL_IMAGE } from "../descriptor.ts";

export const servalXgboost: RuntimeDescriptor = {
  name: "serval-xgboost",
  serverType: "xgbserver",
  formats: ["3", "2", "1"].map((version) => ({ name: "xgboost", version, autoSelect: true, priority: 3 })),
  protocols: ["v1", "v2"],
  image: SERVAL_IMAGE,
  args: [...kserveArgs, "--framework=xgboost"],
};

export const kserveXgboost: RuntimeDescriptor = {
  name: "kserve-xgbserver",
  serverType: "xgbserver",
  formats: [{ name: "xgboost", version: "2", autoSelect: true, priority: 1 }],
  protocols: ["v1", "v2"],
  image: "kserve/xgbserver:v0.20.0",
  args: [...kserveArgs, "--nthread=1"],
  requests: { cpu: "1", memory: "2Gi" },
};
