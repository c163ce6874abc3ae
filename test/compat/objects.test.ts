// SPDX-License-Identifier: Apache-2.0
// The table of objects on the embedded API server; test/cluster has it on a real one.
import { after } from "node:test";
import { servingCrds } from "@serval/api";
import { createApiServer } from "@serval/embedded/apiserver/index.ts";
import { memoryStore } from "@serval/embedded/store/index.ts";
import { createCluster } from "@serval/kube";
import { silentLogger } from "@serval/observe";
import { objectSuite } from "./object-suite.ts";

const server = await createApiServer({ store: memoryStore(), crds: servingCrds(), admission: [], log: silentLogger });
after(() => server.close());
objectSuite("the embedded API server", () => createCluster(server.transport, "test"));
