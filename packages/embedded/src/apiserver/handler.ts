// SPDX-License-Identifier: Apache-2.0
// One function from ApiRequest to ApiResponse: what the in-process transport is, and what the HTTP front calls.

import type { AnyObject } from "@serval/api";
import type { ApiRequest, ApiResponse, UserInfo } from "@serval/kube";
import { ApiError } from "@serval/kube";
import { answerReview } from "./authorization.ts";
import type { OpenApi } from "./discovery/open-api.ts";
import { jsonClone } from "./json-clone.ts";
import { isSwitchedOn } from "./query-switch.ts";
import { parseRoute, type Route } from "./route.ts";
import { serveFixedPath } from "./server-paths.ts";
import { badRequest, methodNotAllowed, notServed, statusOf, unknownResource } from "./status.ts";
import { chooseRendering, partialMetadata, renderTable } from "./table/render.ts";
import {
  type Call,
  type FieldValidation,
  type NamedCall,
  type ServerContext,
  shownAs,
  storedAs,
} from "./verbs/context.ts";
import { createObject } from "./verbs/create.ts";
import { deleteCollection, deleteObject } from "./verbs/delete.ts";
import { listObjects } from "./verbs/list.ts";
import { metricsGroup, readMetrics } from "./verbs/metrics.ts";
import { patchObject } from "./verbs/patch.ts";
import { bindPod, readPodLogs } from "./verbs/pod-verbs.ts";
import { getScale, writeScale } from "./verbs/scale.ts";
import { entryOf, updateObject } from "./verbs/update.ts";
import { watchObjects } from "./verbs/watch.ts";

export interface Server {
  readonly context: ServerContext;
  readonly openApi: OpenApi;
}

/** An ApiRequest with what only the HTTP front knows. */
export interface FrontRequest extends ApiRequest {
  readonly duplicateFields?: readonly string[];
}

const localAdmin: UserInfo = { username: "system:admin", groups: ["system:masters", "system:authenticated"] };

/** Subresources that Kubernetes has and this server has not, with the way out. */
const refused: Readonly<Record<string, readonly [what: string, wayOut: string]>> = {
  exec: ["exec into a pod", "run the command on this machine, where pods are local processes, or use a cluster"],
  attach: ["attaching to a pod", "read its output with `kubectl logs -f`, or use a cluster"],
  portforward: [
    "port forwarding",
    "pods and Services have addresses on this machine: see `kubectl get pods -o wide` and `kubectl get services`",
  ],
  proxy: ["the proxy to pods, services and nodes", "call the address that `kubectl get -o wide` shows"],
  eviction: ["eviction", "delete the pod"],
  ephemeralcontainers: ["ephemeral containers", "run the debugging tool on this machine, or use a cluster"],
  resize: ["resizing a running pod", "change the workload's template"],
  token: ["service account tokens", "use the token or the certificate of the kubeconfig that `serval up` writes"],
};

function fieldValidation(query: Readonly<Record<string, string>>): FieldValidation {
  const asked = query["fieldValidation"] ?? "";
  if (asked === "") return "Warn";
  if (asked === "Strict" || asked === "Warn" || asked === "Ignore") return asked;
  throw badRequest(
    `invalid fieldValidation parameter: Unsupported value: ${JSON.stringify(asked)}: supported values: "Ignore", "Strict", "Warn"`,
  );
}

function isDryRun({ query = {}, body, method }: ApiRequest): boolean {
  const inBody = method === "DELETE" ? (body as { dryRun?: unknown } | undefined)?.dryRun : undefined;
  const asked = query["dryRun"] ?? (Array.isArray(inBody) ? String(inBody[0] ?? "") : "");
  if (asked !== "" && asked !== "All")
    throw badRequest(`invalid dryRun parameter: Unsupported value: ${JSON.stringify(asked)}: supported values: "All"`);
  return asked === "All";
}

function callOf(server: Server, request: FrontRequest, route: Route): Call {
  const { context } = server;
  const resource = context.registry.find(route.group, route.version, route.plural);
  if (resource === undefined) throw unknownResource();
  if (
    resource.type.namespaced ? route.name !== undefined && route.namespace === undefined : route.namespace !== undefined
  )
    throw unknownResource();
  const query = request.query ?? {};
  return {
    context,
    request,
    resource,
    namespace: route.namespace,
    name: route.name,
    subresource: route.subresource,
    query,
    user: request.user ?? localAdmin,
    manager: query["fieldManager"] || request.userAgent?.split("/")[0] || "unknown",
    dryRun: isDryRun(request),
    fieldValidation: fieldValidation(query),
    rendering: chooseRendering(request.accept, query["includeObject"]),
    warnings: [],
    duplicateFields: request.duplicateFields ?? [],
  };
}

/** One object as the client wants to see it. */
function rendered({ rendering, resource, context }: Call, object: unknown): unknown {
  const shown = object as AnyObject;
  if (rendering.as === "object" || shown.kind === "Status") return object;
  if (rendering.as === "metadata") return partialMetadata(shown);
  const { resourceVersion } = shown.metadata;
  return renderTable([storedAs(resource, { ...shown })], {
    columns: resource.columns,
    include: rendering.include,
    now: context.now(),
    metadata: { resourceVersion },
    headers: true,
  });
}

const answer = (call: Call, body: unknown, status = 200): ApiResponse => ({
  status,
  body: rendered(call, body),
  ...(call.warnings.length === 0 ? {} : { warnings: call.warnings }),
});

async function onCollection(call: Call): Promise<ApiResponse> {
  const { method } = call.request;
  if (method === "GET") {
    if (isSwitchedOn(call.query["watch"])) return { status: 200, events: watchObjects(call) };
    return { status: 200, body: listObjects(call) };
  }
  if (!call.resource.writable) throw methodNotAllowed();
  if (method === "DELETE") return { status: 200, body: await deleteCollection(call) };
  if (method !== "POST" || (call.resource.type.namespaced && call.namespace === undefined)) throw methodNotAllowed();
  return answer(call, await createObject(call), 201);
}

async function onObject(call: NamedCall): Promise<ApiResponse> {
  const { method } = call.request;
  if (method === "GET") {
    if (isSwitchedOn(call.query["watch"])) {
      const fieldSelector = [call.query["fieldSelector"], `metadata.name=${call.name}`].filter(Boolean).join(",");
      return { status: 200, events: watchObjects({ ...call, query: { ...call.query, fieldSelector } }) };
    }
    return answer(call, shownAs(call.resource, entryOf(call).value));
  }
  if (!call.resource.writable) throw methodNotAllowed();
  if (method === "PUT") return answer(call, await updateObject(call));
  if (method === "DELETE") return answer(call, await deleteObject(call));
  if (method !== "PATCH") throw methodNotAllowed();
  const { object, created } = await patchObject(call);
  return answer(call, object, created ? 201 : 200);
}

async function onSubresource(call: NamedCall): Promise<ApiResponse> {
  const { resource, subresource = "", request } = call;
  if (!resource.subresources.includes(subresource)) {
    const [what, wayOut] = (Object.hasOwn(refused, subresource) ? refused[subresource] : undefined) ?? [];
    const isKnown =
      what !== undefined && ["pods", "services", "nodes", "serviceaccounts"].includes(resource.type.plural);
    throw isKnown ? notServed(what, wayOut as string) : unknownResource();
  }
  if (subresource === "log" && request.method === "GET") {
    return { status: 200, bytes: readPodLogs(call), contentType: "text/plain" };
  }
  if (subresource === "binding" && request.method === "POST") return { status: 201, body: await bindPod(call) };
  if (subresource === "scale") {
    if (request.method === "GET") return { status: 200, body: getScale(call) };
    if (request.method === "PUT" || request.method === "PATCH") return { status: 200, body: await writeScale(call) };
  }
  if (subresource === "status" || subresource === "finalize") {
    if (request.method === "GET") return answer(call, shownAs(resource, entryOf(call).value));
    if (request.method === "PUT") return answer(call, await updateObject(call));
    if (request.method === "PATCH") return answer(call, (await patchObject(call)).object);
  }
  throw methodNotAllowed();
}

async function serve(server: Server, request: FrontRequest): Promise<ApiResponse> {
  const fixed = serveFixedPath(server, request);
  if (fixed !== undefined) return fixed;
  const review = answerReview(request, request.user ?? localAdmin);
  if (review !== undefined) return { status: 201, body: review };
  const route = parseRoute(request.path);
  if (route === undefined) throw unknownResource();
  if (route.group === metricsGroup) return { status: 200, body: readMetrics(server.context, request, route) };
  const call = callOf(server, request, route);
  if (call.name === undefined) return onCollection(call);
  const named = call as NamedCall;
  return call.subresource === undefined ? onObject(named) : onSubresource(named);
}

/** Never throws: whatever goes wrong is a Status, and a bug is also logged, once, here. */
export async function handle(server: Server, request: FrontRequest): Promise<ApiResponse> {
  try {
    return await serve(server, request);
  } catch (error) {
    const status = statusOf(error);
    if (!(error instanceof ApiError)) {
      const { method, path } = request;
      server.context.log.error({ method, path, error }, "API request failed");
    }
    return { status: status.code ?? 500, body: jsonClone(status) };
  }
}
