// SPDX-License-Identifier: Apache-2.0
// XGBoost served by Serval itself: models that releases 1, 2 and 3 wrote.
import { ownServer, type RuntimeDescriptor } from "../descriptor.ts";

export const servalXgboost: RuntimeDescriptor = ownServer({
  name: "serval-xgboost",
  serverType: "xgbserver",
  formats: ["3", "2", "1"].map((version) => ({ name: "xgboost", version })),
  framework: "xgboost",
});
