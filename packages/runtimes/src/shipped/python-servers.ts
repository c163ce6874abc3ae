// SPDX-License-Identifier: Apache-2.0
// The servers that KServe builds itself, one per framework: same arguments, same resources (kserve: config/runtimes).
import { kserveArgs, kserveImage, type RuntimeDescriptor, type SupportedFormat } from "../descriptor.ts";

const format = (name: string, version: string, priority = 1): SupportedFormat => ({
  name,
  version,
  autoSelect: true,
  priority,
});

const server = (
  name: string,
  formats: readonly SupportedFormat[],
  more: readonly string[] = [],
): RuntimeDescriptor => ({
  name: `kserve-${name}`,
  serverType: name,
  formats,
  protocols: ["v1", "v2"],
  image: kserveImage(name),
  args: [...kserveArgs, ...more],
});

const oneThread = "--nthread=1";

/** One server for three frameworks; only for whoever names it. */
const predictive: RuntimeDescriptor = {
  ...server(
    "predictiveserver",
    [format("sklearn", "1", 3), format("xgboost", "2", 3), format("lightgbm", "4", 3)].map((entry) => ({
      ...entry,
      autoSelect: false,
    })),
    ["--framework={{.Annotations.modelFormat}}", oneThread],
  ),
  spec: { multiModel: false },
};

export const pythonServers: readonly RuntimeDescriptor[] = [
  server("sklearnserver", [format("sklearn", "1")]),
  server("xgbserver", [format("xgboost", "2")], [oneThread]),
  server("lgbserver", [format("lightgbm", "4")], [oneThread]),
  server("pmmlserver", [format("pmml", "3"), format("pmml", "4")]),
  server("paddleserver", [format("paddle", "2")]),
  server("autogluonserver", [format("autogluon", "1")]),
  predictive,
];
