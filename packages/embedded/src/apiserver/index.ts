// SPDX-License-Identifier: Apache-2.0
// The embedded API server: Kubernetes' API semantics over a `Store`, for kubectl (HTTPS) and for controllers (in
// process, through the same handler). What is refused is listed in docs/reference/embedded-api.md.
import { randomUUID } from "node:crypto";
import { type AnyObject, type CustomResourceDefinition, resources, type Service } from "@serval/api";
import type { AdmissionPlugin, ApiRequest, Transport } from "@serval/kube";
import { ApiError } from "@serval/kube";
import * as patches from "@serval/kube/patch";
import * as schemas from "@serval/kube/schema";
import { withRevision } from "../store/engine.ts";
import type { Store } from "../store/index.ts";
import { createOpenApi } from "./discovery/open-api.ts";
import { handle, type Server } from "./handler.ts";
import type { HttpFront, ListenOptions } from "./http/server.ts";
import { createEventExpiry } from "./kinds/event-expiry.ts";
import { createAddressPool } from "./kinds/service.ts";
import type { PodLogs } from "./pod-logs.ts";
import type { ResourceMetrics } from "./resource-metrics.ts";
import { establishedDefinition } from "./resources/custom.ts";
import { createRegistry } from "./resources/registry.ts";
import { gitVersion } from "./server-paths.ts";
import { createTurns } from "./turns.ts";
import type { Logger, MergeFunctions } from "./verbs/context.ts";

export type { HttpFront, ListenOptions } from "./http/server.ts";
export type { LogOptions, PodLogs } from "./pod-logs.ts";
export type { ResourceMetrics } from "./resource-metrics.ts";
export type { Logger } from "./verbs/context.ts";

export interface ApiServerOptions {
  readonly store: Store;
  /** Custom kinds; also shown, read-only, under apiextensions.k8s.io. */
  readonly crds: readonly CustomResourceDefinition[];
  readonly admission: readonly AdmissionPlugin[];
  /** Absent: `kubectl logs` answers 501. */
  readonly podLogs?: PodLogs;
  /** Absent: `kubectl top` answers 501. */
  readonly metrics?: ResourceMetrics;
  /** Service addresses come from 127.<octet>.0.0/17; default 1. */
  readonly serviceOctet?: number;
  /** Chooses a new Service's cluster address; default: the next free one. */
  readonly serviceAddress?: (service: AnyObject) => string;
  readonly now?: () => Date;
  readonly uid?: () => string;
  readonly log: Logger;
}

export interface ApiServer {
  /**
   * In process. Objects in answers are shared with the store and frozen: copy before changing. The user is
   * `system:masters` unless the request names one.
   */
  readonly transport: Transport;
  /** HTTPS on a loopback address. */
  listen(options: ListenOptions): Promise<HttpFront>;
  /** Ends fronts and watches. The store stays open: who opened it closes it. */
  close(): Promise<void>;
}

const merge: MergeFunctions = {
  jsonPatch: patches.jsonPatch,
  mergePatch: patches.mergePatch,
  strategicMergePatch: patches.strategicMergePatch,
  serverSideApply: patches.serverSideApply,
  trackUpdate: patches.trackUpdate,
  prune: schemas.prune,
  applyDefaults: schemas.applyDefaults,
  validateSchema: schemas.validateSchema,
};

const initialNamespaces = ["default", "kube-system", "kserve"];

/** Creates unless it is there. */
async function ensure(server: Server, path: string, object: AnyObject): Promise<void> {
  const { status, body } = await handle(server, { method: "POST", path, body: object, userAgent: "serval-apiserver" });
  if (status >= 400 && status !== 409) throw new ApiError(body as ApiError["status"]);
}

/** Kubernetes' service account controller makes it; here the server does, so that pods can be created at once. */
const ensureAccount = (server: Server, namespace: string): Promise<void> =>
  ensure(server, `/api/v1/namespaces/${namespace}/serviceaccounts`, {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "default", namespace },
  });

async function showDefinitions({ context }: Server, crds: readonly CustomResourceDefinition[]): Promise<void> {
  const { store, now, uid } = context;
  for (const definition of crds) {
    const key = `apiextensions.k8s.io/${resources.customResourceDefinitions.plural}/${definition.metadata.name}`;
    const before = store.get(key);
    if (before !== undefined && JSON.stringify(before.value["spec"]) === JSON.stringify(definition.spec)) continue;
    const time =
      before?.value.metadata.creationTimestamp ??
      now()
        .toISOString()
        .replace(/\.\d+Z$/, "Z");
    const shown = establishedDefinition(definition, time);
    const generation = (before?.value.metadata.generation ?? 0) + 1;
    const metadata = {
      ...shown.metadata,
      uid: before?.value.metadata.uid ?? uid(),
      creationTimestamp: time,
      generation,
    };
    await store.put(key, before?.revision ?? 0, (revision) => withRevision({ ...shown, metadata }, revision));
  }
}

function reserveAddresses({ context }: Server): void {
  for (const { value } of context.store.list("core/services/")) {
    const address = (value as unknown as Service).spec?.clusterIP;
    if (address && address !== "None") context.addresses.reserve(address);
  }
}

async function prepare(server: Server, crds: readonly CustomResourceDefinition[]): Promise<void> {
  reserveAddresses(server);
  await showDefinitions(server, crds);
  const { store } = server.context;
  for (const name of initialNamespaces) {
    if (store.get(`core/namespaces/${name}`) === undefined) {
      await ensure(server, "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
    }
    if (store.get(`core/serviceaccounts/${name}/default`) === undefined) await ensureAccount(server, name);
  }
}

const isNewNamespace = ({ method, path, query }: ApiRequest): boolean =>
  method !== "GET" && method !== "DELETE" && path.startsWith("/api/v1/namespaces") && query?.["dryRun"] === undefined;

/** Starts the server on a store: reads what is there, adds what every cluster has. */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const registry = createRegistry(options.crds);
  const now = options.now ?? (() => new Date());
  const server: Server = {
    context: {
      store: options.store,
      registry,
      merge,
      admission: options.admission,
      addresses: createAddressPool(options.serviceAddress, options.serviceOctet),
      turns: createTurns(),
      expireEvents: createEventExpiry(options.store, now),
      podLogs: options.podLogs,
      metrics: options.metrics,
      now,
      uid: options.uid ?? randomUUID,
      log: options.log,
    },
    openApi: createOpenApi(registry, gitVersion),
  };
  await prepare(server, options.crds);
  const stopped = new AbortController();
  const fronts = new Set<HttpFront>();

  const transport: Transport = {
    async send(request) {
      const isStream = request.query?.["watch"] !== undefined || request.query?.["follow"] !== undefined;
      const signal =
        request.signal === undefined
          ? stopped.signal
          : isStream
            ? AbortSignal.any([request.signal, stopped.signal])
            : request.signal;
      const response = await handle(server, { ...request, signal });
      const created = response.body as AnyObject | undefined;
      if (response.status === 201 && created?.kind === "Namespace" && isNewNamespace(request))
        await ensureAccount(server, created.metadata.name as string);
      return response;
    },
    close: async () => undefined,
  };

  return {
    transport,
    async listen(listenOptions) {
      const { openHttpFront } = await import("./http/server.ts");
      const front = await openHttpFront(transport, { log: options.log, ...listenOptions });
      fronts.add(front);
      return front;
    },
    async close() {
      stopped.abort();
      await Promise.all([...fronts].map((front) => front.close()));
    },
  };
}
