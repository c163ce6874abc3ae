// SPDX-License-Identifier: Apache-2.0
// scikit-learn served by Serval itself. Versions 0 and 1 are both read.
import { ownServer, type RuntimeDescriptor } from "../descriptor.ts";

export const servalSklearn: RuntimeDescriptor = ownServer({
  name: "serval-sklearn",
  serverType: "sklearnserver",
  formats: [
    { name: "sklearn", version: "1" },
    { name: "sklearn", version: "0" },
  ],
  framework: "sklearn",
});
