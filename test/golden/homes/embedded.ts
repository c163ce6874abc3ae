// SPDX-License-Identifier: Apache-2.0
// The operator on the embedded API server, with only the controllers of Kubernetes that the recorder had. One server
// per case, in process and in memory.
import { type AnyObject, parseConfig } from "@serval/api";
import { createApiServer } from "@serval/embedded/apiserver/index.ts";
import { startControllers } from "@serval/embedded/controllers/index.ts";
import { thisNode } from "@serval/embedded/controllers/scheduler.ts";
import { memoryStore } from "@serval/embedded/store/index.ts";
import { createCluster } from "@serval/kube";
import { silentLogger } from "@serval/observe";
import { admissionPlugins, createAdmissionState, startOperator } from "@serval/operator";
import { type Api, createApi } from "../api.ts";
import type { FoundCase } from "../case.ts";
import { allCrds, clusterObjects, configData, configMap, namespace } from "../context.ts";
import type { Home, Played } from "../home.ts";
import { quiet } from "../quiet.ts";
import { playSteps } from "../steps.ts";
import { collectedTypes } from "../types.ts";

const quietMs = 120;
const deadlineMs = 25_000;
/** Everything runs in this process: more at once only share the waiting. */
const concurrency = 6;

async function load(api: Api, objects: readonly AnyObject[]): Promise<void> {
  for (const object of objects) {
    const { refusal } = await api.apply(object);
    if (refusal !== undefined) throw new Error(`cannot load ${object.kind}/${object.metadata.name}: ${refusal.message}`);
  }
}

const namespaceObject = (name: string): AnyObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });

async function playCase(found: FoundCase): Promise<Played> {
  const ending = new AbortController();
  const { signal } = ending;
  const store = memoryStore();
  const crds = allCrds(found.contextDir);
  const { config } = parseConfig(configData(found));
  const admission = createAdmissionState(config);
  const log = silentLogger;
  const server = await createApiServer({ store, crds, admission: admissionPlugins(admission), log });
  const loader = createApi(server.transport, crds);
  await load(loader, [namespaceObject(namespace), configMap(found), ...clusterObjects(found.contextDir)]);
  const controllers = startControllers({
    cluster: createCluster(server.transport, "controllers"),
    dataDir: "",
    types: collectedTypes(crds),
    node: thisNode("golden"),
    only: ["deployment", "replica-set", "namespace"],
    signal,
    log,
  });
  const cluster = createCluster(server.transport, "serval-operator");
  const operator = await startOperator({ cluster, log, signal, admission });
  await operator.synced;
  const settle = (): Promise<void> =>
    quiet({
      subscribe: (listener) => store.subscribe(listener),
      isIdle: () => operator.settling() === 0,
      quietMs,
      deadlineMs,
    });
  try {
    return { recording: await playSteps(createApi(server.transport, crds), found.golden, settle), options: {} };
  } finally {
    ending.abort();
    await Promise.all([operator.stopped, controllers.stopped]);
    await server.close();
    await store.close();
  }
}

export const embeddedHome = (): Home => ({ name: "embedded", concurrency, play: playCase, close: async () => {} });
