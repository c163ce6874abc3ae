// SPDX-License-Identifier: Apache-2.0
// The typed `Cluster` on any transport: paths, queries, media types and errors of the Kubernetes API, written once.
import {
  apiVersionOf,
  type Key,
  type KubeObject,
  keyOf,
  type ResourceType,
  resourcePath,
  type Status,
} from "@serval/api";
import {
  type ApplyOptions,
  type Cluster,
  type DeleteOptions,
  type ListOptions,
  listPageSize,
  type ObjectList,
  type Patch,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from "./cluster.ts";
import { ApiError } from "./errors.ts";
import type { ApiRequest, ApiResponse, Transport } from "./transport.ts";

const patchContentTypes = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
} as const;
const applyContentType = "application/apply-patch+yaml";

/** Query of a write. */
function writeQuery(options: WriteOptions & { force?: boolean }): Record<string, string> {
  const query: Record<string, string> = {};
  if (options.fieldManager !== undefined) query["fieldManager"] = options.fieldManager;
  if (options.force === true) query["force"] = "true";
  if (options.dryRun === true) query["dryRun"] = "All";
  return query;
}

function selectQuery(options: ListOptions): Record<string, string> {
  const query: Record<string, string> = {};
  if (options.labelSelector !== undefined) query["labelSelector"] = options.labelSelector;
  if (options.fieldSelector !== undefined) query["fieldSelector"] = options.fieldSelector;
  return query;
}

/** @throws ApiError for every answer of 400 and above. */
export function expectSuccess(response: ApiResponse): ApiResponse {
  if (response.status < 400) return response;
  const body = response.body as Partial<Status> | undefined;
  const isStatus = body?.kind === "Status";
  throw new ApiError(
    isStatus
      ? ({ code: response.status, ...body } as Status)
      : {
          apiVersion: "v1",
          kind: "Status",
          code: response.status,
          message: `HTTP ${response.status}`,
          reason: "Unknown",
        },
  );
}

/** List items carry no apiVersion and kind on the wire; objects of this module always do. */
const complete = <T extends KubeObject>(type: ResourceType<T>, item: T): T =>
  item.kind === undefined ? { ...item, apiVersion: apiVersionOf(type), kind: type.kind } : item;

const pathFor = (type: ResourceType, key: Partial<Key>, subresource?: string): string =>
  `${resourcePath(type, key)}${subresource === undefined ? "" : `/${subresource}`}`;

async function* watchEvents<T extends KubeObject>(
  transport: Transport,
  type: ResourceType<T>,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>> {
  const query: Record<string, string> = { ...selectQuery(options), watch: "true", allowWatchBookmarks: "true" };
  if (options.resourceVersion !== undefined) query["resourceVersion"] = options.resourceVersion;
  if (options.timeoutSeconds !== undefined) query["timeoutSeconds"] = String(options.timeoutSeconds);
  const request: ApiRequest = { method: "GET", path: pathFor(type, { namespace: options.namespace }), query };
  const response = expectSuccess(
    await transport.send(options.signal === undefined ? request : { ...request, signal: options.signal }),
  );
  for await (const event of response.events as AsyncIterable<{ type: string; object: unknown }>) {
    if (event.type === "ERROR") throw new ApiError(event.object as Status);
    yield event as WatchEvent<T>;
  }
}

async function listAll<T extends KubeObject>(
  transport: Transport,
  type: ResourceType<T>,
  options: ListOptions,
): Promise<ObjectList<T>> {
  const items: T[] = [];
  let token = options.continue;
  for (;;) {
    const query = selectQuery(options);
    query["limit"] = String(options.limit ?? listPageSize);
    if (token !== undefined) query["continue"] = token;
    const request: ApiRequest = { method: "GET", path: pathFor(type, { namespace: options.namespace }), query };
    const page = expectSuccess(await transport.send(request)).body as {
      items?: T[] | null;
      metadata: { resourceVersion: string; continue?: string };
    };
    for (const item of page.items ?? []) items.push(complete(type, item));
    const next = page.metadata.continue;
    if (next === undefined || next === "") return { items, resourceVersion: page.metadata.resourceVersion };
    if (options.limit !== undefined) return { items, resourceVersion: page.metadata.resourceVersion, continue: next };
    token = next;
  }
}

/** @param userAgent names the default field manager of updates (its part before "/"). */
export function createCluster(transport: Transport, userAgent = "serval"): Cluster {
  const send = async (request: ApiRequest): Promise<unknown> =>
    expectSuccess(await transport.send({ userAgent, ...request })).body;
  return {
    transport,
    async get<T extends KubeObject>(type: ResourceType<T>, key: Key): Promise<T | undefined> {
      const response = await transport.send({ method: "GET", path: pathFor(type, key), userAgent });
      if (response.status === 404) return undefined;
      return expectSuccess(response).body as T;
    },
    list: (type, options = {}) => listAll(transport, type, options),
    watch: (type, options = {}) => watchEvents(transport, type, options),
    async create<T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}): Promise<T> {
      const path = pathFor(type, { namespace: object.metadata.namespace });
      return (await send({ method: "POST", path, query: writeQuery(options), body: object })) as T;
    },
    async update<T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}): Promise<T> {
      const path = pathFor(type, keyOf(object), options.subresource);
      return (await send({ method: "PUT", path, query: writeQuery(options), body: object })) as T;
    },
    async patch<T extends KubeObject>(
      type: ResourceType<T>,
      key: Key,
      patch: Patch,
      options: WriteOptions = {},
    ): Promise<T> {
      const path = pathFor(type, key, options.subresource);
      const contentType = patchContentTypes[patch.type];
      return (await send({ method: "PATCH", path, query: writeQuery(options), contentType, body: patch.body })) as T;
    },
    async apply<T extends KubeObject>(type: ResourceType<T>, object: T, options: ApplyOptions): Promise<T> {
      const path = pathFor(type, keyOf(object), options.subresource);
      const query = writeQuery(options);
      return (await send({ method: "PATCH", path, query, contentType: applyContentType, body: object })) as T;
    },
    async delete<T extends KubeObject>(type: ResourceType<T>, key: Key, options: DeleteOptions = {}): Promise<void> {
      const { uid, resourceVersion, ...rest } = options;
      const preconditions =
        uid === undefined && resourceVersion === undefined ? {} : { preconditions: { uid, resourceVersion } };
      const body = { apiVersion: "v1", kind: "DeleteOptions", ...rest, ...preconditions };
      const response = await transport.send({ method: "DELETE", path: pathFor(type, key), userAgent, body });
      if (response.status !== 404) expectSuccess(response);
    },
    [Symbol.asyncDispose]: () => transport.close(),
  };
}
