// SPDX-License-Identifier: Apache-2.0
// The control plane of the embedded home in one process: API server, operator, built-in controllers, kubelet.
import { createHash } from "node:crypto";
import { type CustomResourceDefinition, type Pod, type ResourceType, resources, servingCrds } from "@serval/api";
import gatewayApiCrds from "@serval/api/core/gateway-api-crds.gen.json" with { type: "json" };
import { createCluster } from "@serval/kube";
import { type Logger, Registry, startMetricsServer } from "@serval/observe";
import { admissionPlugins, createAdmissionState, startOperator } from "@serval/operator";
import { createApiServer } from "../apiserver/index.ts";
import type { PodLogs } from "../apiserver/pod-logs.ts";
import type { ResourceMetrics } from "../apiserver/resource-metrics.ts";
import { builtInTypes } from "../apiserver/resources/built-in.ts";
import { startControllers } from "../controllers/index.ts";
import { schedulerAdmission, thisNode } from "../controllers/scheduler.ts";
import type { LocalPrograms } from "../kubelet/images.ts";
import { type Kubelet, startKubelet } from "../kubelet/kubelet.ts";
import { kubeletLogs } from "../kubelet/kubelet-logs.ts";
import { loopbackNetwork } from "../kubelet/pod-network.ts";
import { createLimitEnforcer } from "../kubelet/resource-limits.ts";
import { loadPki, writeKubeconfig } from "../pki/index.ts";
import { lmdbStore } from "../store/index.ts";
import { createImagePuller } from "./image-pull.ts";
import type { HomeLayout } from "./layout.ts";
import { ensureSeedObjects } from "./seed-objects.ts";

export interface ControlPlaneOptions {
  readonly layout: HomeLayout;
  readonly apiServerPort: number;
  readonly gatewayPort: number;
  /** This home's part of 127.0.0.0/8 (subnet.ts). */
  readonly octet: number;
  readonly version: string;
  readonly programs: Omit<LocalPrograms, "cacheDir">;
  /** Engines and other downloads that outlive a home. */
  readonly cacheDir: string;
  /** PATH of pods. */
  readonly path: string;
  readonly log: Logger;
}

export interface ControlPlane {
  readonly url: string;
  readonly metricsUrl: string;
  /** `pods: true` ends every pod process too; false leaves them for the next control plane. */
  close(options: { pods: boolean }): Promise<void>;
}

const allCrds = (): CustomResourceDefinition[] => [
  ...servingCrds(),
  ...(gatewayApiCrds as unknown as CustomResourceDefinition[]),
];

/** Every kind that is served: for garbage collection and namespace deletion. */
function servedTypes(crds: readonly CustomResourceDefinition[]): ResourceType[] {
  const skipped = new Set<unknown>([resources.events, resources.customResourceDefinitions, resources.ingresses]);
  const builtIn = builtInTypes.filter((type) => !skipped.has(type));
  const custom = crds.flatMap(({ spec }) =>
    spec.versions
      .filter(({ storage }) => storage)
      .map(
        ({ name }): ResourceType => ({
          group: spec.group,
          version: name,
          kind: spec.names.kind,
          plural: spec.names.plural,
          namespaced: spec.scope === "Namespaced",
        }),
      ),
  );
  return [...builtIn, ...custom];
}

/** Starts everything; when this returns the API answers and earlier pods are adopted. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { layout, log, version } = options;
  const abort = new AbortController();
  const [store, pki, limits] = await Promise.all([
    lmdbStore(layout.storeDir),
    loadPki(layout.pkiDir),
    createLimitEnforcer(`serval-${createHash("sha256").update(layout.dataDir).digest("hex").slice(0, 8)}`),
  ]);
  const crds = allCrds();
  const node = thisNode(version);
  const admission = createAdmissionState();
  const registry = new Registry();
  let kubelet: Kubelet | undefined;
  // The API server comes first, so its door to the kubelet's logs opens later.
  const podLogs: PodLogs = {
    readLogs: (pod: Pod, query) => kubeletLogs(kubelet as Kubelet).readLogs(pod, query),
  };
  const measured: ResourceMetrics = {
    ofPod: (pod) => kubelet?.usage.ofPod(pod),
    ofNode: () => kubelet?.usage.ofNode(),
  };
  const server = await createApiServer({
    store,
    crds,
    admission: [...admissionPlugins(admission), schedulerAdmission(node)],
    podLogs,
    metrics: measured,
    serviceOctet: options.octet,
    log,
  });
  const cluster = createCluster(server.transport, "serval-control-plane");
  await ensureSeedObjects(cluster, { gatewayPort: options.gatewayPort });
  kubelet = await startKubelet({
    cluster,
    dataDir: layout.dataDir,
    programs: { ...options.programs, cacheDir: options.cacheDir },
    network: loopbackNetwork(options.octet),
    limits,
    path: options.path,
    pullImage: createImagePuller(options.cacheDir),
    version,
    log,
  });
  const controllers = startControllers({
    cluster,
    dataDir: layout.dataDir,
    types: servedTypes(crds),
    node,
    autoscaling: { metrics: measured },
    signal: abort.signal,
    log,
  });
  const operator = await startOperator({ cluster, log, metrics: registry, signal: abort.signal, admission });
  await operator.synced;
  const metrics = await startMetricsServer({ registry, notReady: operator.notReady, port: 0 });
  const front = await server.listen({ host: "127.0.0.1", port: options.apiServerPort, pki });
  await writeKubeconfig(layout.kubeconfig, { server: front.url, pki });
  return {
    url: front.url,
    metricsUrl: `${metrics.url}/metrics`,
    async close({ pods }) {
      abort.abort();
      await Promise.all([operator.stopped, controllers.stopped]);
      await kubelet.close({ pods });
      await Promise.all([front.close(), metrics.close()]);
      await server.close();
      await store.close();
    },
  };
}
