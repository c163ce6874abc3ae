// SPDX-License-Identifier: Apache-2.0
// The embedded API server of one case, in memory, with the case's context in it.
import { type AnyObject, parseConfig, type ServingConfig } from "@serval/api";
import { type ApiServer, createApiServer } from "@serval/embedded/apiserver/index.ts";
import { memoryStore, type Store } from "@serval/embedded/store/index.ts";
import { silentLogger } from "@serval/observe";
import { type AdmissionState, admissionPlugins, createAdmissionState } from "@serval/operator";
import { type Api, createApi } from "../api.ts";
import type { FoundCase } from "../case.ts";
import { allCrds, clusterObjects, configData, configMap, namespace } from "../context.ts";

export interface Started {
  readonly server: ApiServer;
  readonly store: Store;
  readonly api: Api;
  readonly config: ServingConfig;
  readonly admission: AdmissionState;
  close(): Promise<void>;
}

const namespaceObject = (name: string): AnyObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });

/** Objects that were there before the case. @throws Error when one of them is refused. */
export async function loadContext(api: Api, found: FoundCase): Promise<void> {
  for (const object of [namespaceObject(namespace), configMap(found), ...clusterObjects(found.contextDir)]) {
    const { refusal } = await api.apply(object);
    if (refusal !== undefined)
      throw new Error(`cannot load ${object.kind}/${object.metadata.name}: ${refusal.message}`);
  }
}

export async function startServer(found: FoundCase): Promise<Started> {
  const store = memoryStore();
  const crds = allCrds(found.contextDir);
  const { config } = parseConfig(configData(found));
  const admission = createAdmissionState(config);
  const server = await createApiServer({ store, crds, admission: admissionPlugins(admission), log: silentLogger });
  await loadContext(createApi(server.transport, crds), found);
  return {
    server,
    store,
    api: createApi(server.transport, crds),
    config,
    admission,
    async close() {
      await server.close();
      await store.close();
    },
  };
}
