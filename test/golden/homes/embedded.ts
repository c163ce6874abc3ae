// SPDX-License-Identifier: Apache-2.0
// The operator on the embedded API server, with only the controllers of Kubernetes that the recorder had. One server
// per case, in process and in memory.
import { startControllers } from "@serval/embedded/controllers/index.ts";
import { thisNode } from "@serval/embedded/controllers/scheduler.ts";
import { createCluster } from "@serval/kube";
import { silentLogger } from "@serval/observe";
import { startOperator } from "@serval/operator";
import type { FoundCase } from "../case.ts";
import { collectedTypes } from "../collected-types.ts";
import { allCrds } from "../context.ts";
import type { Home, Played } from "../home.ts";
import { quiet } from "../quiet.ts";
import { playSteps } from "../steps.ts";
import { startServer } from "./start.ts";

const quietMs = 120;
const deadlineMs = 25_000;
/** Everything runs in this process: more at once only share the waiting. */
const concurrency = 6;

async function playCase(found: FoundCase): Promise<Played> {
  const ending = new AbortController();
  const { signal } = ending;
  const log = silentLogger;
  const { server, store, api, admission, close } = await startServer(found);
  const controllers = startControllers({
    cluster: createCluster(server.transport, "controllers"),
    dataDir: "",
    types: collectedTypes(allCrds(found.contextDir)),
    node: thisNode("golden"),
    only: ["deployment", "replica-set", "namespace"],
    signal,
    log,
  });
  const cluster = createCluster(server.transport, "serval-operator");
  const operator = await startOperator({ cluster, log, signal, admission, drainMs: 0 });
  await operator.synced;
  const settle = (): Promise<void> =>
    quiet({
      subscribe: (listener) => store.subscribe(listener),
      isIdle: () => operator.settling() === 0,
      quietMs,
      deadlineMs,
    });
  try {
    return { recording: await playSteps(api, found.golden, settle), options: {} };
  } finally {
    ending.abort();
    await Promise.all([operator.stopped, controllers.stopped]);
    await close();
  }
}

export const embeddedHome = (): Home => ({ name: "embedded", concurrency, play: playCase, close: async () => {} });
